"""Requests with a body that is read while it is sent."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_transfer.engine.body import FileBody
from jupyter_transfer.engine.control import Control, Stopped
from jupyter_transfer.engine.limits import Bandwidth
from jupyter_transfer.engine.transport import Exchange, Timeouts, Transport, parse
from jupyter_transfer.errors import TransferError

from ..servers.chaos import ChaosServer, Connection, noise, status
from .conftest import LOOPBACK

MIB = 1 << 20


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport(LOOPBACK, timeouts=Timeouts(stall=2, answer=2)) as transport:
        yield transport


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[bytes], int]]:
    fds = []

    def open_file(data: bytes) -> int:
        (tmp_path / "file").write_bytes(data)
        fds.append(os.open(tmp_path / "file", os.O_RDONLY))
        return fds[-1]

    yield open_file
    for fd in fds:
        os.close(fd)


class Shelf:
    """Keeps the last body that it was sent."""

    def __init__(self, rate: float | None = None) -> None:
        self.data = b""
        self.rate = rate

    def __call__(self, connection: Connection) -> None:
        self.data = connection.take(rate=self.rate)
        connection.head(201, {"ETag": '"e"', "Content-Length": "0"})


def put(url: str, body: FileBody, **more: object) -> Exchange:
    return Exchange(parse(url), upload=body, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 65536, 5 * MIB + 7])
def test_a_span_of_a_file_arrives_whole(
    transport: Transport, chaos: ChaosServer, opened: Callable[[bytes], int], size: int
):
    data, shelf, seen = noise(size + 100), Shelf(), []
    url = chaos.add("/f", shelf)
    body = FileBody(opened(data), 50, size, lambda at, piece: seen.append((at, len(piece))))
    exchange = transport.perform(put(url, body), lambda: None)
    assert exchange.error is None
    assert (exchange.status, exchange.headers.get("etag")) == (201, '"e"')
    assert shelf.data == data[50 : 50 + size]
    assert body.position == size == sum(length for _, length in seen)
    request = chaos.requests[0]
    assert (request.method, request.headers["content-length"]) == ("PUT", str(size))
    assert "expect" not in request.headers
    assert "content-type" not in request.headers


def test_post_and_own_headers(
    transport: Transport, chaos: ChaosServer, opened: Callable[[bytes], int]
):
    url, fd = chaos.add("/f", Shelf()), opened(b"abc")
    headers = {"content-type": "text/x-odd"}
    transport.perform(put(url, FileBody(fd, 0, 3), method="POST", headers=headers), lambda: None)
    request = chaos.requests[0]
    assert (request.method, request.headers["content-type"]) == ("POST", "text/x-odd")


def test_a_small_body_has_no_made_up_media_type(transport: Transport, chaos: ChaosServer):
    url = chaos.add("/f", Shelf())
    transport.perform(Exchange(parse(url), method="PROPFIND", body=b"<x/>"), lambda: None)
    assert chaos.requests[0].method == "PROPFIND"
    assert "content-type" not in chaos.requests[0].headers


def test_an_early_refusal_ends_it(
    transport: Transport, chaos: ChaosServer, opened: Callable[[bytes], int]
):
    url = chaos.add("/f", status(413))
    exchange = transport.perform(put(url, FileBody(opened(noise(32 * MIB)), 0, 32 * MIB)), _go_on)
    assert exchange.status == 413 or (exchange.error and exchange.error.code == "connection_lost")


def test_a_connection_that_went_stale_is_tried_once_more_from_the_start(
    transport: Transport, chaos: ChaosServer, opened: Callable[[bytes], int]
):
    shelf, calls = Shelf(), []

    def first_fails(connection: Connection) -> None:
        calls.append(connection.request.method)
        if len(calls) == 2:
            connection.take(MIB)
            time.sleep(0.2)  # libcurl waits now; while it writes it would take this for a failure
            raise ConnectionAbortedError  # as a server that closes an idle connection
        shelf(connection)

    url, data = chaos.add("/f", first_fails), noise(3 * MIB)
    fd = opened(data)
    transport.perform(put(url, FileBody(fd, 0, 10)), _go_on)
    exchange = transport.perform(put(url, FileBody(fd, 0, len(data))), _go_on)
    assert exchange.error is None, exchange.error  # libcurl tried again itself
    assert (len(calls), shelf.data) == (3, data)


def test_a_file_that_became_shorter(
    transport: Transport, chaos: ChaosServer, opened: Callable[[bytes], int]
):
    exchange = put(chaos.add("/f", Shelf()), FileBody(opened(b"abc"), 0, 5))
    transport.perform(exchange, _go_on)
    assert exchange.error is not None
    assert exchange.error.code == "changed"


def test_bandwidth_holds(chaos: ChaosServer, opened: Callable[[bytes], int]):
    url, size = chaos.add("/f", Shelf()), 3 * MIB
    with Transport(LOOPBACK, bandwidth=Bandwidth(MIB)) as transport:
        started = time.monotonic()
        exchange = transport.perform(put(url, FileBody(opened(noise(size)), 0, size)), _go_on)
        assert exchange.status == 201
        assert time.monotonic() - started == pytest.approx(3, rel=0.15)


def test_a_small_request_does_not_swallow_the_end_of_another(
    transport: Transport, chaos: ChaosServer, opened: Callable[[bytes], int]
):
    def slow(connection: Connection) -> None:
        time.sleep(0.5)
        connection.head(200, {"Content-Length": "0"})

    shelf_url, slow_url = chaos.add("/f", Shelf()), chaos.add("/slow", slow)
    sent = put(shelf_url, FileBody(opened(b"abc"), 0, 3))
    transport.start(sent)
    assert transport.perform(Exchange(parse(slow_url)), _go_on).status == 200
    assert transport.run(0) == [sent]
    assert sent.status == 201


def test_cancel_is_quick(chaos: ChaosServer, opened: Callable[[bytes], int]):
    url, size, control = chaos.add("/f", Shelf(rate=MIB)), 64 * MIB, Control()
    body = FileBody(opened(noise(size)), 0, size)
    with Transport(LOOPBACK) as transport:
        threading.Timer(0.5, control.cancel).start()
        with pytest.raises(Stopped):
            transport.perform(put(url, body), control.check)
    assert 0 < body.position < size


def test_a_server_that_takes_nothing_more_is_noticed(
    transport: Transport, chaos: ChaosServer, opened: Callable[[bytes], int]
):
    def sleepy(connection: Connection) -> None:
        connection.take(1)
        time.sleep(8)

    size = 64 * MIB
    exchange = put(chaos.add("/f", sleepy), FileBody(opened(noise(size)), 0, size))
    started = time.monotonic()
    transport.perform(exchange, _go_on)
    assert exchange.error is not None
    assert exchange.error.code in ("timeout", "connection_lost")
    assert time.monotonic() - started < 7


def test_an_unexpected_bug_in_the_reader_is_an_error_and_no_hang(
    transport: Transport, chaos: ChaosServer, opened: Callable[[bytes], int]
):
    def broken(_offset: int, _piece: memoryview) -> None:
        raise ZeroDivisionError

    exchange = put(chaos.add("/f", Shelf()), FileBody(opened(b"abc"), 0, 3, broken))
    transport.perform(exchange, _go_on)
    assert isinstance(exchange.error, TransferError)
    assert exchange.error.code == "internal"


def _go_on() -> None:
    return
