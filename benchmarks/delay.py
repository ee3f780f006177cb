"""A long way to a server: a TCP proxy that holds everything back for a while, at any rate.

`python -m benchmarks.delay LISTEN TARGET SECONDS` passes what comes to the port LISTEN of the
loopback on to the port TARGET and back, each byte SECONDS later (half a round trip). A connection
takes a round trip to be made, as on a real line; there is no slow start and no loss.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

PIECE = 256 * 2**10
QUEUE = 256
"""Pieces that are under way in one direction at most: 64 MiB."""


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, earliest: float
) -> None:
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUE)

    async def deliver() -> None:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                return
            writer.write(piece)
            await writer.drain()

    delivery = asyncio.ensure_future(deliver())
    with contextlib.suppress(ConnectionError):
        piece = b"first"
        while piece and not delivery.done():
            piece = await reader.read(PIECE)
            await pieces.put((max(loop.time() + delay, earliest), piece))
        await delivery
    delivery.cancel()
    writer.close()


async def _serve(listen: int, target: int, delay: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        earliest = asyncio.get_running_loop().time() + 3 * delay
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target, limit=PIECE)
        await asyncio.gather(
            _pass_on(reader, far_writer, delay, earliest),
            _pass_on(far_reader, writer, delay, earliest),
        )

    server = await asyncio.start_server(connected, "127.0.0.1", listen, limit=PIECE)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
