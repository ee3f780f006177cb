"""A TCP proxy that spoils the line on purpose (the toxics of toxiproxy, and three of its own).

It knows nothing of HTTP: what happens, happens at bytes. Who asks for one request a connection
can aim at a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

READ = 64 << 10
QUIET = 1.0
"""Seconds without a byte after which the answer to a replayed request is taken to be whole."""


@dataclass(frozen=True)
class Toxics:
    """What is wrong with one connection; positions count the bytes that the client sends."""

    latency: float = 0
    """Seconds that each byte is late, both ways."""
    bandwidth: int | None = None
    """Bytes a second that pass, each way."""
    slice: int | None = None
    """Bytes that are passed on at a time."""
    reset_at: int | None = None
    """Both ends are reset when so many bytes have passed."""
    stall_at: int | None = None
    """Nothing passes after so many bytes, and nobody closes."""
    flip_at: int | None = None
    """The byte at which one bit is changed."""
    lose_answer: bool = False
    """Both ends are reset when the server begins to answer."""
    replay: bool = False
    """All that the client has sent is sent once more, on another connection, when the server
    begins to answer; nobody gets the answer to that."""


@dataclass
class Counts:
    """How often each toxic did harm."""

    resets: int = 0
    stalls: int = 0
    flips: int = 0
    lost_answers: int = 0
    replays: int = 0
    passed: int = 0
    """Bytes that clients have sent."""
    returned: int = 0
    """Bytes that servers have sent."""


class ToxicProxy:
    """Passes connections on to a port of loopback.

    Parameters
    ----------
    target: where to; it may change.
    plan: the toxics of the connection with that number, from 0.
    """

    def __init__(self, target: int, plan: Callable[[int], Toxics]) -> None:
        self.target = target
        self.plan = plan
        self.counts = Counts()
        self.port = 0
        self._connections = 0
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        toxics = self.plan(self._connections)
        self._connections += 1
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        line = _Line(self, toxics, writer, there[1])
        ways = [
            asyncio.ensure_future(line.pass_on(reader, there[1], line.sent)),
            asyncio.ensure_future(line.pass_on(there[0], writer, line.answered)),
        ]
        try:
            await asyncio.gather(*ways)
        except OSError:
            line.reset()
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            for way in ways:
                way.cancel()
            writer.close()
            there[1].close()


class _Line:
    """One connection from the client to the server and back."""

    def __init__(
        self,
        proxy: ToxicProxy,
        toxics: Toxics,
        client: asyncio.StreamWriter,
        server: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._toxics = toxics
        self._ends = (client, server)
        self._record = bytearray()
        self._position = 0

    async def pass_on(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        spoil: Callable[[bytes], Awaitable[bytes]],
    ) -> None:
        """Pass bytes from `source` to `target` until `source` ends. Raises OSError when the
        connection is, or is to be, reset."""
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(16)
        reading = asyncio.ensure_future(self._read(source, late))
        try:
            while True:
                due, data = await late.get()
                await asyncio.sleep(max(0, due - time.monotonic()))
                if not data:
                    break
                target.write(await spoil(data))
                await target.drain()
                if self._toxics.bandwidth:
                    await asyncio.sleep(len(data) / self._toxics.bandwidth)
            await reading
            target.write_eof()
        finally:
            reading.cancel()

    async def _read(
        self, source: asyncio.StreamReader, late: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        data = b"-"
        try:
            while data:
                data = await source.read(self._toxics.slice or READ)
                await late.put((time.monotonic() + self._toxics.latency, data))
        except OSError:
            await late.put((0, b""))
            raise

    async def sent(self, data: bytes) -> bytes:
        """Spoil what the client has sent."""
        toxics, counts = self._toxics, self._proxy.counts
        start, self._position = self._position, self._position + len(data)
        counts.passed += len(data)
        if toxics.flip_at is not None and start <= toxics.flip_at < self._position:
            counts.flips += 1
            at = toxics.flip_at - start
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        if toxics.replay:
            self._record += data
        for end in (toxics.reset_at, toxics.stall_at):
            if end is not None and start <= end < self._position:
                self._ends[1].write(data[: end - start])
                await asyncio.sleep(0.01)  # a reset throws away what has not left yet
        if toxics.reset_at is not None and toxics.reset_at < self._position:
            counts.resets += 1
            raise ConnectionResetError
        if toxics.stall_at is not None and toxics.stall_at < self._position:
            counts.stalls += 1
            await asyncio.Event().wait()
        return data

    async def answered(self, data: bytes) -> bytes:
        """Spoil what the server answers."""
        if self._toxics.lose_answer:
            self._proxy.counts.lost_answers += 1
            raise ConnectionResetError
        self._proxy.counts.returned += len(data)
        if self._record:
            self._proxy.counts.replays += 1
            record, self._record = bytes(self._record), bytearray()
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._proxy.target)
                writer.write(record)
                await asyncio.wait_for(reader.read(1), QUIET)
                writer.close()
        return data

    def reset(self) -> None:
        """End both connections with RST instead of FIN."""
        for end in self._ends:
            _reset(end)


def _reset(self) -> None:
    for end in self._ends:
        _reset(end)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def running_toxics(
    target: int, plan: Callable[[int], Toxics] = lambda number: Toxics()
) -> Iterator[ToxicProxy]:
    """A proxy for the length of a ``with`` block."""
    proxy = ToxicProxy(target, plan)
    try:
        yield proxy
    finally:
        proxy.close()
