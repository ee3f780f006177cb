"""The only way of hf_xet to the network: it asks here, on a unix socket, and each request is made
by the engine's transport. So the address policy, proxies and certificate authorities of the job
hold for it, and tokens stay in this process.

``/cas/<grant>/…`` is a request to the content-addressable store (CAS) of a grant; in its answers
the addresses of bytes become ``/store/<number>``.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

from ..errors import TransferError, from_http_status
from .base import Answer, Caller
from .xet_grants import Grants

REMEMBERED = 16384
"""Addresses of bytes that hf_xet may still come for."""

_ANSWER_LIMIT = 64 << 20
"""Bytes of a description of how a file is put together."""

_PASSED_ON = ("content-length", "content-range", "content-type")


class Bridge:
    """Listens on the unix socket `path` until it is closed.

    Parameters
    ----------
    caller: how it is asked; each of its threads has another one beside it.
    """

    def __init__(self, path: str, caller: Caller, grants: Grants) -> None:
        self.caller = caller
        self.grants = grants
        self._failure: TransferError | None = None
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._addresses: OrderedDict[int, str] = OrderedDict()
        self._next = 0
        self._server = _Server(path, self)
        self._thread = threading.Thread(target=self._serve, name="xet-bridge", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """End it, and what is under way."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def check(self) -> None:
        """Raise `TransferError` when it is closed."""
        if self._closing.is_set():
            raise TransferError("connection_lost", "Nobody waits for it any more.")

    # -- what went wrong --

    def failed(self, error: TransferError) -> None:
        """Remember `error`, for whoever wants to know why nothing came."""
        self._failure = error

    def succeeded(self) -> None:
        """What failed before was no hindrance."""
        self._failure = None

    def take_failure(self) -> TransferError | None:
        """Why nothing came, once."""
        error, self._failure = self._failure, None
        return error

    # -- addresses of bytes --

    def address(self, number: int) -> str | None:
        """The address of bytes that has this number."""
        return self._addresses.get(number)

    def hidden(self, body: bytes) -> bytes:
        """The description `body` with numbers instead of addresses. Raises ``remote_lied``."""
        try:
            value = json.loads(body)
        except ValueError:
            raise TransferError("remote_lied", "The answer is none of a store of Xet.") from None
        self._hide(value)
        return json.dumps(value).encode()

    def _hide(self, value: Any) -> None:
        if isinstance(value, dict):
            for key, one in value.items():
                if key == "url" and isinstance(one, str):
                    value[key] = f"http://bridge/store/{self._number(one)}"
                else:
                    self._hide(one)
        elif isinstance(value, list):
            for one in value:
                self._hide(one)

    def _number(self, url: str) -> int:
        with self._lock:
            self._next += 1
            self._addresses[self._next] = url
            if len(self._addresses) > REMEMBERED:
                self._addresses.popitem(last=False)
            return self._next


class _Server(ThreadingMixIn, UnixStreamServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, bridge: Bridge) -> None:
        self.bridge = bridge
        super().__init__(path, _Answering)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone."""


class _Answering(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Server
    caller: Caller

    def handle(self) -> None:
        """All requests of it, over a transport of its own."""
        bridge = self.server.bridge
        with bridge.caller.beside(bridge.check) as self.caller:
            super().handle()

    def do_GET(self) -> None:
        """What hf_xet asks for."""
        self._began = False
        _, kind, rest = (*self.path.split("/", 2), "", "")[:3]
        answer = {"cas": self._from_cas, "store": self._from_store}.get(kind)
        try:
            if answer is None:
                self._say(404)
            else:
                answer(rest)
        except TransferError as error:
            self.server.bridge.failed(error)
            if self._began:
                self.close_connection = True
            else:
                self._say(502)

    def _from_cas(self, rest: str) -> None:
        number, _, path = rest.partition("/")
        answer = self._described(int(number), path, fresh=False)
        if answer.status == 401:
            answer = self._described(int(number), path, fresh=True)
        if answer.status >= 400:
            self._refuse(answer)
            return
        body = self.server.bridge.hidden(answer.body)
        self._say(200, {"Content-Type": "application/json"}, body)

    def _described(self, number: int, path: str, *, fresh: bool) -> Answer:
        grant = self.server.bridge.grants.grant(number, self.caller, fresh=fresh)
        headers = {"Authorization": f"Bearer {grant.token}", **self._range()}
        url = f"{grant.cas}/{path}"
        return self.caller.call(url, headers=headers, limit=_ANSWER_LIMIT, follow=False)

    def _from_store(self, rest: str) -> None:
        url = self.server.bridge.address(int(rest)) if rest.isdigit() else None
        if url is None:
            self._say(403)  # hf_xet asks for the description anew
            return
        answer = self.caller.call(url, headers=self._range(), into=self._pass_on)
        if answer.status >= 400:
            self._refuse(answer)
        elif not self._began:
            self._say(answer.status)
        else:
            self.server.bridge.succeeded()

    def _pass_on(self, head: Answer) -> Callable[[memoryview], None]:
        if head.status >= 400:
            return _drop
        self._began = True
        self._head(head.status, {n: v for n, v in head.headers.items() if n in _PASSED_ON})
        return self._write

    def _write(self, data: memoryview) -> None:
        try:
            self.wfile.write(data)
        except OSError:
            raise TransferError("connection_lost", "Nobody waits for it any more.") from None

    def _refuse(self, answer: Answer) -> None:
        host = answer.url.partition("://")[2].partition("/")[0]
        if answer.status not in (404, 501) or "/v2/" not in self.path:  # a newer way is tried first
            self.server.bridge.failed(from_http_status(answer.status, host, answer.retry_after))
        self._say(answer.status)

    def _range(self) -> dict[str, str]:
        asked = self.headers.get("Range")
        return {"Range": asked} if asked else {}

    def _say(self, status: int, fields: dict[str, str] | None = None, body: bytes = b"") -> None:
        self._head(status, {**(fields or {}), "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: int, fields: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *values: Any) -> None:
        """Nobody reads it."""


def _drop(data: memoryview) -> None:
    return
