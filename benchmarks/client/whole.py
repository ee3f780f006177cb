"""Uploads of one file: tus, the stock contents API, a plain PUT."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from wire import MIB, TUS, Answer, Server, expect

Action = Callable[[], dict[str, Any]]
BODY_TYPE = {"Content-Type": "application/offset+octet-stream"}


def encode_metadata(values: dict[str, str]) -> str:
    """The header Upload-Metadata of tus 1.0."""
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
    return ",".join(pairs)


def open_file(order: dict[str, Any]) -> tuple[int, int, int]:
    """Descriptor, start and length of what the order wants sent: its file, or a range of it."""
    descriptor = os.open(order["file"], os.O_RDONLY)
    start, size = order.get("range") or (0, os.fstat(descriptor).st_size)
    return descriptor, start, size


def tus(order: dict[str, Any]) -> Action:
    """Upload by tus: creation, then PATCH requests of `piece` bytes."""
    server, part = Server(order, TUS), open_file(order)
    headers = {
        "Upload-Length": str(part[2]),
        "Upload-Metadata": encode_metadata(order["metadata"]),
    }

    def run() -> dict[str, Any]:
        place, answer = _upload(server, headers, part, order["piece"])
        return {"location": place} | _told(answer)

    return run


def segments(order: dict[str, Any]) -> Action:
    """Upload by tus over `count` connections, each a segment of the file: concatenation."""
    descriptor, _, size = open_file(order)
    count = order["count"]
    servers = [Server(order, TUS) for _ in range(count)]
    bounds = [size * number // count for number in range(count + 1)]
    metadata = order["metadata"]

    def send(number: int, assembly: str) -> str:
        start, length = bounds[number], bounds[number + 1] - bounds[number]
        own = {"assembly": assembly, "start": str(start), "size": str(size)}
        headers = {
            "Upload-Concat": "partial",
            "Upload-Length": str(length),
            "Upload-Metadata": encode_metadata(metadata | own),
        }
        part = (descriptor, start, length)
        return _upload(servers[number], headers, part, order["piece"])[0]

    def run() -> dict[str, Any]:
        assembly = secrets.token_hex(16)
        with ThreadPoolExecutor(count) as pool:
            places = list(pool.map(send, range(count), [assembly] * count))
        headers = {
            "Upload-Concat": f"final;{' '.join(places)}",
            "Upload-Metadata": encode_metadata(metadata),
        }
        _, answer, _ = expect(servers[0].ask("POST", servers[0].path, headers), 201)
        return {"location": answer["Location"]} | _told(answer)

    return run


def _upload(
    server: Server, headers: dict[str, str], part: tuple[int, int, int], piece: int
) -> tuple[str, Any]:
    """Create and send; the address of the upload and the headers of the last answer."""
    descriptor, start, size = part
    _, answer, _ = expect(server.ask("POST", server.path, headers), 201)
    place, offset = urlsplit(answer["Location"]).path, 0
    while offset < size:
        body = (descriptor, start + offset, min(piece, size - offset))
        fields = {**BODY_TYPE, "Upload-Offset": str(offset)}
        _, answer, _ = expect(server.ask("PATCH", place, fields, piece=body), 204)
        offset = int(answer["Upload-Offset"])
    return place, answer


def _told(answer: Any) -> dict[str, Any]:
    """What our server says of a finished upload."""
    return {"path": answer["Transfer-Path"], "files": answer["Transfer-Files-Done"]}


def stock(order: dict[str, Any]) -> Action:
    """Upload a file as JupyterLab does to the stock contents API: base64 JSON PUTs of 1 MiB.

    Unless the order says `encode`, the bodies are encoded before the shot, which spares the rival
    what every client of that API pays.
    """
    server = Server(order, {"Content-Type": "application/json"})
    bodies = _stock_bodies(order["file"], server.path.rpartition("/")[2])
    prepared = bodies if order.get("encode") else list(bodies)

    def run() -> dict[str, Any]:
        for body in prepared:
            expect(server.ask("PUT", server.path, body=body), 200, 201)
        return {}

    return run


def _stock_bodies(path: str, name: str) -> Iterator[bytes]:
    last = -(-os.path.getsize(path) // MIB)
    with open(path, "rb") as file:
        for number in range(1, last + 1):
            chunk = -1 if number == last else number
            yield stock_body(name, file.read(MIB), chunk)


def stock_body(name: str, content: bytes, chunk: int | None = None) -> bytes:
    """The model that JupyterLab PUTs; with `chunk` a piece of a file, the last is -1."""
    fields: dict[str, Any] = {"type": "file", "format": "base64", "name": name}
    if chunk is not None:
        fields["chunk"] = chunk
    return json.dumps(fields | {"content": base64.b64encode(content).decode()}).encode()


def put(order: dict[str, Any]) -> Action:
    """Upload a file by one plain PUT."""
    server, (descriptor, start, size) = Server(order), open_file(order)

    def run() -> dict[str, Any]:
        answer: Answer = server.ask("PUT", server.path, piece=(descriptor, start, size))
        expect(answer, 201, 204)
        return {}

    return run
