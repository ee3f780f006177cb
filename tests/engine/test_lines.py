"""Requests one after the other, over handles of libcurl that keep their options."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from jupyter_transfer.engine.body import HeldBody
from jupyter_transfer.engine.transport import Enough, Exchange, Transport, parse
from jupyter_transfer.errors import TransferError
from jupyter_transfer.net import Policy

from ..servers.chaos import ChaosServer, Connection, Resource, cut, noise
from .conftest import LOOPBACK


@pytest.fixture
def transport() -> Iterator[Transport]:
    with Transport(LOOPBACK) as transport:
        yield transport


def perform(transport: Transport, url: str, **more: object) -> tuple[Exchange, bytes]:
    body = bytearray()
    exchange = Exchange(parse(url), on_data=body.extend, **more)  # type: ignore[arg-type]
    transport.perform(exchange, lambda: None)
    return exchange, bytes(body)


def test_fields_of_one_request_do_not_reach_the_next(transport: Transport, chaos: ChaosServer):
    url = chaos.add("/f", Resource(noise(1000)))
    perform(transport, url, headers={"Authorization": "Bearer secret", "X-One": "1"})
    perform(transport, url, headers={"X-Two": "2"})
    perform(transport, url)
    first, second, third = (request.headers for request in chaos.requests)
    assert (first["authorization"], first["x-one"]) == ("Bearer secret", "1")
    assert second["x-two"] == "2"
    assert not {"authorization", "x-one"} & second.keys()
    assert not {"authorization", "x-one", "x-two"} & third.keys()


def take(connection: Connection) -> None:
    connection.take()
    connection.head(200, {"Content-Length": "0"})


KINDS = {
    "get": {},
    "range": {"byte_range": (10, 19)},
    "head": {"method": "HEAD"},
    "post": {"method": "POST", "body": b"abc"},
    "once": {"once": True},
}


@pytest.mark.parametrize("kind", [*KINDS, "put", "broken", "enough"])
def test_a_plain_request_before_and_after_each_kind(
    transport: Transport, chaos: ChaosServer, kind: str
):
    data = noise(1000)
    url = chaos.add("/f", Resource(data))
    assert perform(transport, url)[1] == data
    if kind == "put":
        perform(transport, chaos.add("/put", take), upload=HeldBody(b"abc"))
    elif kind == "broken":
        exchange, _ = perform(transport, chaos.add("/cut", cut(Resource(data), 500)))
        assert exchange.error is not None
    elif kind == "enough":
        exchange, body = perform(transport, url, on_head=raise_enough)
        assert exchange.enough
        assert body == b""
    elif kind in ("head", "post"):
        perform(transport, chaos.add("/other", take), **KINDS[kind])
    else:
        perform(transport, url, **KINDS[kind])
    exchange, body = perform(transport, url)
    assert (exchange.status, body) == (200, data)
    last = chaos.requests[-1]
    assert last.method == "GET"
    assert last.byte_range is None
    assert "content-length" not in last.headers


def raise_enough(_: Exchange) -> None:
    raise Enough


def test_the_head_of_a_broken_answer_does_not_reach_the_next(
    transport: Transport, chaos: ChaosServer
):
    def stop(connection: Connection) -> None:
        connection.send_raw(b"HTTP/1.1 200 Chaos\r\nX-Old: 1\r\n")
        connection.reset()

    assert perform(transport, chaos.add("/f", Resource(b"abc")))[1] == b"abc"
    assert perform(transport, chaos.add("/stop", stop))[0].error is not None
    exchange, body = perform(transport, chaos.url + "/f")
    assert body == b"abc"
    assert exchange.headers.get("x-old") is None


def test_each_request_is_judged_by_its_own_host(chaos: ChaosServer):
    with Transport(Policy.of(["127.0.0.1/32"])) as transport:
        url = chaos.add("/f", Resource(b"abc"))
        assert perform(transport, url)[1] == b"abc"
        elsewhere = url.replace("127.0.0.1", "127.0.0.2")
        with pytest.raises(TransferError) as caught:
            perform(transport, elsewhere)
        assert caught.value.code == "address_refused"
        # A name is judged when its address is known, by the callback that stays.
        exchange, _ = perform(transport, url.replace("127.0.0.1", "localhost"))
        assert exchange.error is None or exchange.error.code == "address_refused"
        assert perform(transport, url)[1] == b"abc"


def test_nothing_of_an_exchange_stays_in_memory(transport: Transport, chaos: ChaosServer):
    class Body(bytearray):
        """A bytearray that can be referred to weakly."""

    body = Body()
    exchange = Exchange(parse(chaos.add("/f", Resource(b"abc"))), on_data=body.extend)
    transport.perform(exchange, lambda: None)
    assert body == b"abc"
    gone = weakref.ref(body)
    gc.disable()
    try:
        del exchange, body
        assert gone() is None
    finally:
        gc.enable()
