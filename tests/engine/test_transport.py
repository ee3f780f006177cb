"""Exchanges that wait for one another."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jupyter_transfer.engine.transport import Exchange, Transport, parse
from jupyter_transfer.net import Policy


class _After(BaseHTTPRequestHandler):
    """Answers after as many seconds as the path says."""

    def do_GET(self) -> None:
        time.sleep(float(self.path.strip("/")))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def after():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _After)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield lambda seconds: parse(f"http://127.0.0.1:{server.server_port}/{seconds}")
    server.shutdown()
    server.server_close()


def test_one_that_ends_while_another_is_waited_for(after):
    """What the end of a small file asks for is waited for within the wait for a large one."""
    until = time.monotonic() + 5

    def check() -> None:
        assert time.monotonic() < until, "it has ended, and nobody was told"

    with Transport(Policy.of(["127.0.0.0/8"])) as transport:
        inner: list[Exchange] = []
        small = Exchange(after(0))
        small.on_end = lambda _: inner.append(transport.perform(Exchange(after(0.3)), check))
        transport.start(small)
        outer = transport.perform(Exchange(after(0.15)), check)
        assert (outer.status, [one.status for one in inner]) == (204, [204])
        assert transport.run(0) == []
