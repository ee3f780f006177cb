"""Many uploads: small files one by one, and files that come little by little."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from whole import BODY_TYPE, encode_metadata, stock_body
from wire import TUS, Server, expect, send_file

Action = Callable[[], dict[str, Any]]


def tus_each(order: dict[str, Any]) -> Action:
    """Upload each of the small `files`, pairs of path and name, by one POST: creation-with-upload.

    `connections` go on at once. With `empty` set, uploads of so many bytes are created that get
    none. The result names the place of each.
    """
    servers = [Server(order, TUS) for _ in range(order["connections"])]
    length = order.get("empty")
    work: queue.SimpleQueue[tuple[int, dict[str, str], bytes]] = queue.SimpleQueue()
    for number, (path, name) in enumerate(order["files"]):
        body = b"" if length else Path(path).read_bytes()
        headers = {
            "Upload-Length": str(length or len(body)),
            "Upload-Metadata": encode_metadata({"filename": name}),
        }
        work.put((number, headers | (BODY_TYPE if body else {}), body))
    places = [""] * len(order["files"])

    def send(server: Server) -> None:
        while True:
            try:
                number, headers, body = work.get_nowait()
            except queue.Empty:
                return
            _, answer, _ = expect(server.ask("POST", server.path, headers, body=body), 201)
            places[number] = answer["Location"]

    def run() -> dict[str, Any]:
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(send, servers))
        return {"places": places}

    return run


def stock_each(order: dict[str, Any]) -> Action:
    """Upload each of the small `files` as JupyterLab does: list the folder, then PUT; in turn."""
    server = Server(order, {"Content-Type": "application/json"})
    work = []
    for path, name in order["files"]:
        body = stock_body(name.rpartition("/")[2], Path(path).read_bytes())
        work.append((f"{server.path}/{name}", body))

    def run() -> dict[str, Any]:
        for place, body in work:
            expect(server.ask("GET", f"{server.path}?type=directory&content=1"), 200)
            expect(server.ask("PUT", place, body=body), 200, 201)
        return {}

    return run


def trickle(order: dict[str, Any]) -> Action:
    """Send `file` to all `places` at once by tus, a little every 100 ms, over `seconds`; not all
    in the same moment."""
    servers = [Server(order, TUS) for _ in order["places"]]
    descriptor = os.open(order["file"], os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    beats = max(1, round(order["seconds"] * 10))
    bounds = [size * beat // beats for beat in range(beats + 1)]

    def run() -> dict[str, Any]:
        begin = time.monotonic()
        headers = {**BODY_TYPE, "Upload-Offset": "0"}
        for server, place in zip(servers, order["places"], strict=True):
            server.send_head("PATCH", place, headers, size)
        for beat in range(beats):
            start, length = bounds[beat], bounds[beat + 1] - bounds[beat]
            for index, server in enumerate(servers):
                assert server.socket is not None
                due = begin + (beat + index / len(servers)) / 10
                time.sleep(max(0.0, due - time.monotonic()))
                send_file(server.socket, descriptor, start, length)
        paths = [expect(server.answer("PATCH"), 204)[1]["Transfer-Path"] for server in servers]
        for server in servers:
            server.close()
        return {"paths": paths}

    return run
