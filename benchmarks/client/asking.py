"""Downloads, and small questions on a fixed beat."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable
from typing import Any

from wire import MIB, TUS, Server, expect

Action = Callable[[], dict[str, Any]]


def get(order: dict[str, Any]) -> Action:
    """Download into a file: everything after the head, as it comes over the wire."""
    server = Server(order, {"Connection": "close"})
    target = os.open(order["file"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def run() -> dict[str, Any]:
        connection = server.send_head("GET", server.path)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(1)  # the rest belongs to the body, which is spliced
            if not piece:
                raise ValueError("closed before the end of the head")
            head += piece
        status = int(head.split(None, 2)[1])
        connection.settimeout(None)
        size = _splice(connection.fileno(), target)
        os.close(target)
        if status != 200:
            raise ValueError(f"status {status}")
        return {"head": head.decode("latin-1"), "size": size}

    return run


def _splice(source: int, target: int) -> int:
    """Move everything from a socket into a file through a pipe, without touching it."""
    reader, writer = os.pipe()
    size = 0
    while moved := os.splice(source, writer, MIB):
        size += moved
        while moved:
            moved -= os.splice(reader, target, moved)
    os.close(reader)
    os.close(writer)
    return size


def poll(order: dict[str, Any]) -> Action:
    """Ask for a small answer every `interval` seconds for `seconds`; all latencies in seconds.

    GET of the url, or `method` of one of `paths`, drawn anew each time.
    """
    server = Server(order, TUS if order.get("method") == "HEAD" else None)
    method, paths = order.get("method", "GET"), order.get("paths") or [server.path]
    draw = random.Random(1).choice
    with contextlib.suppress(PermissionError):
        os.nice(-10)  # how long the server takes counts, not how long this process waits for a core

    def run() -> dict[str, Any]:
        interval, latencies = order["interval"], []
        begin = time.monotonic()
        while (sent := time.monotonic()) < begin + order["seconds"]:
            expect(server.ask(method, draw(paths)), 200)
            latencies.append(time.monotonic() - sent)
            # The next beat of the fixed grid that is still to come.
            elapsed = time.monotonic() - begin
            time.sleep(interval - elapsed % interval)
        return {"latencies": latencies}

    return run
