"""The transport: requests over libcurl (HTTP, FTP, SFTP), many at a time in one thread.

Redirects are not followed here (`plan` does, so that the policy and the headers are judged at each
hop). Each new socket asks the address policy with the resolved address. A request that fails ends
with a `TransferError`, never with an exception out of `run`.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import pycurl

from ..errors import TransferError, wait_in
from ..net import Policy, Url, parse_url, proxy_for
from ..secrets import Login
from .authorities import authorities, ca_file_of_environment
from .body import Body, set_up_upload
from .curlerrors import error_of
from .fileprotocols import (
    FILE_SCHEMES,
    FTP_SCHEMES,
    error_of_file,
    learn,
    set_up_file_protocol,
)
from .limits import Bandwidth
from .line import Form, Line, form_of
from .window import NewSockets

SCHEMES = ("http", "https")
"""Where a redirect may lead to."""

_PROTOCOLS = {
    "http": pycurl.PROTO_HTTP,
    "https": pycurl.PROTO_HTTPS,
    "ftp": pycurl.PROTO_FTP,
    "ftps": pycurl.PROTO_FTPS,
    "sftp": pycurl.PROTO_SFTP,
}

BUFFER = 512 << 10
"""Bytes that libcurl reads from a socket at once."""

_DISK_WAIT = 0.01
"""Seconds between two looks at whether the disk has caught up."""

# CURLOPT_…, which pycurl does not name
_SUPPRESS_CONNECT_HEADERS = 265
_QUICK_EXIT = 322

USER_AGENT = "jupyter-transfer"


@lru_cache(maxsize=1024)  # most fields of a thousand answers are the same
def _field(line: bytes) -> tuple[str | None, str]:
    """Name in lower case and value of a field line; no name where it is none."""
    name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
    return name.strip().lower() if colon else None, value.strip()


class Headers:
    """The fields of an answer; names in any case, repeated ones joined (RFC 9110 5.3)."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def add(self, lines: Iterable[bytes]) -> None:
        """Add field lines; what is none is left out."""
        fields = self._fields
        for line in lines:
            key, value = _field(line)
            if key is not None:
                fields[key] = f"{fields[key]}, {value}" if key in fields else value

    def get(self, name: str) -> str | None:
        """The value of a field, None when it is not there."""
        return self._fields.get(name.lower())

    def names(self) -> Iterable[str]:
        """The names of all fields, in lower case."""
        return self._fields.keys()

    def as_dict(self) -> dict[str, str]:
        """All fields, their names in lower case."""
        return dict(self._fields)


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, without a byte before an answer counts as stalled, and without a sign
    of life while a body is sent or its answer awaited (the service may have to store it first)."""

    connect: float = 20.0
    stall: float = 30.0
    answer: float = 180.0


class Exchange:
    """One request and its answer.

    Parameters
    ----------
    url: where to.
    headers: sent as they are.
    method: of HTTP.
    body: what is sent, if it is small enough to be held in memory.
    upload: what is sent, read meanwhile; by the method PUT unless `method` says POST.
    append_at: FTP and SFTP: the offset in the remote file at which `upload` goes on.
    commands: FTP and SFTP: sent when `upload` is written, in libcurl's POSTQUOTE form.
    byte_range: first and last byte to ask for.
    on_head: called when the head of the answer is there, before its body.
    on_data: called with each piece of the body; valid during the call only.
    on_end: called when the exchange has ended, instead of `run` returning it: so it can go on
        while others run the transport. Must not raise.
    hold: asked before bytes of the answer are taken in: whether they have to wait.
    metered: whether its bytes count for the limit; those of a copy would count twice.
    once: whether it must not be sent a second time: over a connection that was used before libcurl
        does so by itself when that turns out to be closed.

    `on_head` and `on_data` may raise `TransferError`, which ends the exchange with it, or `Enough`.
    """

    def __init__(
        self,
        url: Url,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes | None = None,
        upload: Body | None = None,
        append_at: int | None = None,
        commands: Sequence[str] = (),
        byte_range: tuple[int, int] | None = None,
        on_head: Callable[[Exchange], None] | None = None,
        on_data: Callable[[memoryview], None] | None = None,
        on_end: Callable[[Exchange], None] | None = None,
        hold: Callable[[], bool] | None = None,
        metered: bool = True,
        once: bool = False,
        unix_socket: str | None = None,
        login: Login | None = None,
    ) -> None:
        self.url = url
        self.sent = dict(headers or {})
        self.method = method
        self.body = body
        self.upload = upload
        self.append_at = append_at
        self.commands = tuple(commands)
        self.byte_range = byte_range
        self.on_head = on_head
        self.on_data = on_data
        self.on_end = on_end
        self.hold = hold
        self.metered = metered
        self.once = once
        self.unix_socket = unix_socket
        self.login = login
        self.status = 0
        self.headers = Headers()
        self.error: TransferError | None = None
        self.refusal: TransferError | None = None
        """What the policy said to the last address that it refused; the name may have others."""
        self.code = 0
        """What libcurl ended with."""
        self.other_key = False
        """SFTP: whether the server has not the key that it was asked for, and will be asked for
        the next that is known."""
        self.size: int | None = None
        self.modified: int | None = None
        """FTP and SFTP: bytes of the file, and when it was changed, in seconds since 1970."""
        self.enough = False
        self.paused = False
        self.line: Line | None = None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the other side asks to wait."""
        return wait_in(self.headers.get)

    def fail(self, error: Exception) -> None:
        """End with what the owner's callback raised: with `Enough` well, else with an error."""
        if isinstance(error, Enough):
            self.enough = True
        elif isinstance(error, TransferError):
            self.error = error
        else:
            self.error = TransferError("internal", f"Unexpected {type(error).__name__}.")


class Enough(Exception):  # noqa: N818 - not an error
    """Raised by a callback that needs no more of the answer."""


class Transport:
    """Connections under one policy; use it from one thread, `close` it at the end.

    Parameters
    ----------
    ca_file: certificate authorities on top of the system's.
    bandwidth: the limit that all exchanges share.
    connections: how many at most to one host; further exchanges wait for their turn.
    """

    def __init__(
        self,
        policy: Policy,
        ca_file: str | None = None,
        bandwidth: Bandwidth | None = None,
        timeouts: Timeouts | None = None,
        connections: int | None = None,
    ) -> None:
        self._policy = policy
        self._ca_file = ca_file or ca_file_of_environment()
        self._authorities = authorities(self._ca_file)
        self._bandwidth = bandwidth or Bandwidth()
        self._timeouts = timeouts or Timeouts()
        self._multi = pycurl.CurlMulti()
        if connections is not None:
            self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)
        self._stirred = False
        self._sockets = NewSockets()
        self._live: dict[Any, Exchange] = {}
        self._idle: defaultdict[Form | None, list[Line]] = defaultdict(list)
        self._ended_early: list[Exchange] = []
        self._broken: list[Exchange] = []
        self._proxies: dict[tuple[str, str, int], str | None] = {}
        self._passed: set[str] = set()
        self._judged: set[tuple[str, int]] = set()
        self.hold: Callable[[], bool] | None = None
        """Asked before bytes are taken in: whether they have to wait for the disk."""

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def beside(self) -> Transport:
        """One for another thread under the same policy, authorities and timeouts, with no limit."""
        return Transport(self._policy, self._ca_file, timeouts=self._timeouts)

    # -- the life of an exchange --

    def start(self, exchange: Exchange) -> None:
        """Send the request; its end is returned by `run`. Raises ``address_refused``."""
        proxy = None if exchange.unix_socket else self._proxy_for(exchange.url)
        if proxy:
            self._judge_once(exchange.url.host, exchange.url.port)
        elif not exchange.unix_socket and exchange.url.host not in self._passed:
            self._policy.check_host(exchange.url.host)
            self._passed.add(exchange.url.host)
        line = self._line_for(exchange, proxy)
        self._live[line.handle] = exchange
        self._multi.add_handle(line.handle)
        self._stirred = True

    def _line_for(self, exchange: Exchange, proxy: str | None) -> Line:
        """A line that is set up for `exchange`: one of the same form, else any that is idle."""
        form = form_of(exchange, proxy, self._buffer_size())
        idle = self._idle[form] or next(filter(None, self._idle.values()), [])
        line = idle.pop() if idle else Line(pycurl.Curl())
        if line.take(exchange, form):
            _set_up_address(line.handle, exchange)
        else:
            self._set_up(line, proxy)
        return line

    def run(self, seconds: float) -> list[Exchange]:
        """Move bytes for about `seconds` at most; the exchanges that ended meanwhile."""
        if self._ended_early:
            ended, self._ended_early = self._ended_early, []
            return ended
        return self._turn(seconds)

    def _turn(self, seconds: float) -> list[Exchange]:
        wait = self._resume()
        self._stirred = False
        while self._multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        self._sockets.look()
        ended = self._ended()
        if not ended and self._live and not self._stirred:
            self._multi.select(min(seconds, wait) if wait else seconds)
        return ended

    def stop(self, exchange: Exchange) -> None:
        """End an exchange now; its connection is closed unless the answer was whole."""
        if exchange.line is not None:
            self._release(exchange)

    def perform(self, exchange: Exchange, check: Callable[[], None]) -> Exchange:
        """Run one exchange to its end, calling `check` (which may raise) all the while; others
        go on, and those that end are returned by the next `run`. What the end of another one calls
        may perform one, too: this one may end meanwhile."""
        self.start(exchange)
        try:
            while True:
                ended = self._turn(0.1)  # before the list is looked at: it may become another one
                self._ended_early += ended
                if exchange in self._ended_early:
                    break
                check()
        finally:
            self.stop(exchange)
            self._ended_early = [other for other in self._ended_early if other is not exchange]
        return exchange

    def stir(self) -> None:
        """Bytes are, or may be, there that the network tells nothing of: do not wait for it."""
        self._stirred = True

    def close(self) -> None:
        """End everything and close all connections."""
        for exchange in list(self._live.values()):
            self._release(exchange)
        for line in chain.from_iterable(self._idle.values()):
            line.handle.close()
        self._idle.clear()
        self._multi.close()
        self._sockets.close()

    def _proxy_for(self, url: Url) -> str | None:
        """The proxy of the environment, which is not read anew for each request."""
        if url.origin not in self._proxies:
            self._proxies[url.origin] = proxy_for(url)
        return self._proxies[url.origin]

    def _judge_once(self, host: str, port: int) -> None:
        """Judge a target behind a proxy; once, because it resolves the name."""
        if (host, port) not in self._judged:
            self._policy.check_behind_proxy(host, port)
            self._judged.add((host, port))

    def _release(self, exchange: Exchange, *, went_well: bool = False) -> None:
        line = exchange.line
        assert line is not None
        self._multi.remove_handle(line.handle)
        del self._live[line.handle]
        if not self._live:
            self._sockets.close()  # of a connection that was given up nothing is to stay open
        exchange.line = None
        exchange.on_head = exchange.on_data = exchange.on_end = exchange.hold = None
        line.free(went_well=went_well)
        self._idle[line.form].append(line)

    def _ended(self) -> list[Exchange]:
        ended, self._broken = self._broken, []
        while True:
            left, good, bad = self._multi.info_read()
            for handle, code, text in [(handle, 0, "") for handle in good] + bad:
                exchange = self._live[handle]
                if self._conclude(exchange, code, text):
                    ended.append(exchange)
            if not left:
                return ended

    def _conclude(self, exchange: Exchange, code: int, text: str) -> bool:
        """Take an exchange down that libcurl has ended; whether it is for `run` to return."""
        exchange.code = code
        if exchange.url.scheme in FILE_SCHEMES:
            assert exchange.line is not None
            learn(exchange.line.handle, exchange)
        if code and not exchange.enough and exchange.error is None:
            refused = exchange.refusal if code == pycurl.E_COULDNT_CONNECT else None
            exchange.error = refused or _error_of(exchange, code, text)
        on_end = exchange.on_end
        self._release(exchange, went_well=code == 0)
        if on_end is not None:
            self._stirred = True
            on_end(exchange)
        return on_end is None

    def _resume(self) -> float:
        """Let paused exchanges go on if the bandwidth allows; seconds to wait if it does not."""
        if (wait := self._wait()) > 0:
            return wait
        for exchange in list(self._live.values()):
            if exchange.paused and exchange.line is not None:
                exchange.paused = False
                # The bytes that libcurl held back arrive within this call. A callback may end
                # the exchange then, which libcurl tells here and nowhere else.
                try:
                    exchange.line.handle.pause(pycurl.PAUSE_CONT)
                except pycurl.error as error:
                    if self._conclude(exchange, *error.args):
                        self._broken.append(exchange)
                if (wait := self._wait()) > 0:
                    return wait
        return 0.0

    def _wait(self) -> float:
        """Seconds to wait before more bytes are taken in."""
        if self.hold is not None and self.hold():
            return _DISK_WAIT
        return self._bandwidth.wait()

    # -- options --

    def _set_up(self, line: Line, proxy: str | None) -> None:
        handle, exchange = line.handle, line.current
        url = exchange.url
        _set_up_address(handle, exchange)
        handle.setopt(pycurl.PROTOCOLS, _PROTOCOLS[url.scheme])
        handle.setopt(pycurl.FOLLOWLOCATION, 0)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PATH_AS_IS, 1)
        # "" and not None: libcurl itself must not read the environment again.
        handle.setopt(pycurl.PROXY, proxy or "")
        handle.setopt(pycurl.NOPROXY, "")
        handle.setopt(_SUPPRESS_CONNECT_HEADERS, 1)
        handle.setopt(_QUICK_EXIT, 1)  # a halt must not wait for a name server
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, int(self._timeouts.connect * 1000))
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        patience = self._timeouts.stall if exchange.upload is None else self._timeouts.answer
        handle.setopt(pycurl.LOW_SPEED_TIME, max(1, round(patience)))
        handle.setopt(pycurl.BUFFERSIZE, self._buffer_size())
        handle.setopt(pycurl.TCP_KEEPALIVE, 1)
        handle.setopt(pycurl.USERAGENT, USER_AGENT)
        if url.scheme in FILE_SCHEMES:
            set_up_file_protocol(handle, exchange)
        else:
            handle.setopt(pycurl.HEADERFUNCTION, _head_reader(line))
            _set_up_method(handle, exchange)
        if exchange.upload is not None:
            set_up_upload(handle, exchange, self._bandwidth, self._wait)
        if exchange.byte_range:
            handle.setopt(pycurl.RANGE, _range(exchange))
        if exchange.once:
            handle.setopt(pycurl.FRESH_CONNECT, 1)
        if exchange.unix_socket:
            handle.setopt(pycurl.UNIX_SOCKET_PATH, exchange.unix_socket)
        if url.scheme in ("https", *FTP_SCHEMES) or (proxy and proxy.startswith("https")):
            self._set_up_tls(handle)
        handle.setopt(pycurl.OPENSOCKETFUNCTION, self._socket_opener(line, proxy))
        handle.setopt(pycurl.WRITEFUNCTION, self._body_reader(line), use_memoryview=True)

    def _set_up_tls(self, handle: Any) -> None:
        path, blob = self._authorities
        handle.setopt(pycurl.SSL_VERIFYPEER, 1)
        handle.setopt(pycurl.SSL_VERIFYHOST, 2)
        handle.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        if blob:
            handle.setopt(pycurl.CAINFO_BLOB, blob)
        elif path:
            handle.setopt(pycurl.CAINFO, path)

    def _buffer_size(self) -> int:
        """Small steps under a low limit, so that the bytes flow instead of coming in gulps."""
        rate = self._bandwidth.rate
        return BUFFER if rate is None else min(BUFFER, max(16 << 10, rate // 32))

    # -- callbacks: an exception out of one would be printed by pycurl and lost --

    def _socket_opener(self, line: Line, proxy: str | None) -> Callable[..., Any]:
        def open_socket(_purpose: int, address: Any) -> Any:
            exchange = line.current
            try:
                if address.family == socket.AF_UNIX:
                    if exchange.unix_socket is None:
                        return pycurl.SOCKET_BAD
                elif proxy is None:  # else it is the proxy's; its target was judged before
                    self._policy.check_socket(exchange.url.host, address.addr[0])
                return self._socket(address)
            except TransferError as error:
                exchange.refusal = error
            except OSError:
                pass
            return pycurl.SOCKET_BAD

        return open_socket

    def _socket(self, address: Any) -> socket.socket:
        """A socket that gives up when nobody takes what it sends: libcurl, which counts bytes as
        sent when the kernel has them, would not notice."""
        opened = socket.socket(address.family, address.socktype, address.protocol)
        with suppress(OSError):  # a unix socket
            patience = int(self._timeouts.stall * 1000)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
            self._sockets.add(opened)
        return opened

    def _body_reader(self, line: Line) -> Callable[[memoryview], int | None]:
        bandwidth = self._bandwidth

        def read(data: memoryview) -> int | None:
            exchange = line.current
            held = exchange.hold is not None and exchange.hold()
            if held or (exchange.metered and self._wait() > 0):
                exchange.paused = True
                return int(pycurl.WRITEFUNC_PAUSE)
            if exchange.metered:
                bandwidth.spend(len(data))
            if exchange.url.scheme == "sftp":
                # libssh2 may hold bytes that the socket, which was read already, says nothing of.
                self.stir()
            try:
                if exchange.on_data is not None:
                    exchange.on_data(data)
            except Exception as error:
                return _end(exchange, error)
            return None

        return read


def _range(exchange: Exchange) -> str:
    """The bytes to ask for. FTP knows no end: libcurl would have to cut the connection there."""
    assert exchange.byte_range is not None
    first, last = exchange.byte_range
    return f"{first}-" if exchange.url.scheme in FTP_SCHEMES else f"{first}-{last}"


def _error_of(exchange: Exchange, code: int, text: str) -> TransferError:
    host = exchange.url.host
    special = error_of_file(exchange, code, text) if exchange.url.scheme in FILE_SCHEMES else None
    return special or error_of(code, text, host)


def _set_up_address(handle: Any, exchange: Exchange) -> None:
    handle.setopt(pycurl.URL, str(exchange.url))
    if exchange.url.scheme not in FILE_SCHEMES:
        handle.setopt(pycurl.HTTPHEADER, _header_lines(exchange))


def _header_lines(exchange: Exchange) -> list[str]:
    """The fields to send; a line without a value keeps libcurl from adding that field: a wait for
    ``100 Continue``, which costs a round trip, and a form's media type."""
    sent = {"Accept": "*/*", "Accept-Encoding": "identity", **exchange.sent}
    lines = [f"{name}: {value}" for name, value in sent.items()]
    if exchange.body is not None or exchange.upload is not None:
        names = {name.lower() for name in sent}
        lines += [f"{name}:" for name in ("Expect", "Content-Type") if name.lower() not in names]
    return lines


def _set_up_method(handle: Any, exchange: Exchange) -> None:
    if exchange.upload is not None:
        if exchange.method == "POST":
            handle.setopt(pycurl.CUSTOMREQUEST, exchange.method)
        return
    if exchange.body is not None:
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.POSTFIELDSIZE_LARGE, len(exchange.body))
        handle.setopt(pycurl.COPYPOSTFIELDS, exchange.body)
    if exchange.method == "HEAD":
        handle.setopt(pycurl.NOBODY, 1)
    elif exchange.method != ("GET" if exchange.body is None else "POST"):
        handle.setopt(pycurl.CUSTOMREQUEST, exchange.method)


def _end(exchange: Exchange, error: Exception) -> int:
    """Let `exchange` end with `error`; the result makes libcurl stop."""
    exchange.fail(error)
    return 0


def _head_reader(line: Line) -> Callable[[bytes], int | None]:
    """Takes the lines of a head; they are read when it is whole."""
    lines = line.head

    def read(text: bytes) -> int | None:
        lines.append(text)
        if text.strip():
            return None
        exchange = line.current
        _read_head(exchange, lines)
        lines.clear()
        if exchange.status >= 200 and exchange.on_head is not None:
            on_head = exchange.on_head
            exchange.on_head = None  # an empty line also ends the trailers
            try:
                on_head(exchange)
            except Exception as error:
                return _end(exchange, error)
        return None

    return read


def _read_head(exchange: Exchange, lines: list[bytes]) -> None:
    """Take the status and the fields from a head, or the fields from trailers."""
    if lines[0].startswith(b"HTTP/"):
        # A new head: what came before was a 1xx.
        exchange.status = int(lines.pop(0).split(b" ", 2)[1][:3])
        exchange.headers = Headers()
    exchange.headers.add(lines)


def parse(text: str) -> Url:
    """`text` as a URL that this transport can call."""
    return parse_url(text, _PROTOCOLS)
