"""Small requests for backends: a listing, a checksum beside a file, a call of a service's API.

They go over the one transport, so the address policy, proxies, certificate authorities, timeouts
and cancelling hold for them as for every byte of data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ..backends import find
from ..backends.base import Answer, Backend, Content, Context, Receiver
from ..errors import TransferError
from ..net import MAX_REDIRECTS, redirect_target
from ..secrets import Login
from .limits import Bandwidth
from .transport import SCHEMES, Enough, Exchange, Transport, parse

_REDIRECTS = {301, 302, 303, 307, 308}


class Client:
    """The engine's `Caller`.

    Parameters
    ----------
    check: called all the while; may raise `Stopped`.
    """

    def __init__(self, transport: Transport, check: Callable[[], None]) -> None:
        self._transport = transport
        self._check = check

    def call(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = 8 << 20,
        follow: bool = True,
        unix_socket: str | None = None,
        wants: Callable[[Mapping[str, str]], bool] | None = None,
        login: Login | None = None,
        commands: Sequence[str] = (),
        content: Content | None = None,
        into: Receiver | None = None,
    ) -> Answer:
        """See `jupyter_transfer.backends.base.Caller`."""
        target, sent = parse(url), dict(headers or {})
        for _ in range(MAX_REDIRECTS + 1):
            if content is not None:
                content.seek(0)
            exchange = Exchange(
                target,
                sent,
                method=method,
                body=body,
                upload=content,
                once=content is not None,
                unix_socket=unix_socket,
                login=login,
                commands=commands,
            )
            answer = self._perform(exchange, limit, wants, into, follow=follow)
            location = _onward(answer) if follow else None
            if location is None:
                return answer
            onward = redirect_target(target, location, SCHEMES)
            if onward.origin != target.origin:
                sent = {}
            if answer.status == 303 or (method == "POST" and answer.status in (301, 302)):
                method, body, content = "GET", None, None
            target = onward
        raise TransferError(
            "too_many_redirects", f"“{target.host}” redirects more than {MAX_REDIRECTS} times."
        )

    def check(self) -> None:
        """See `jupyter_transfer.backends.base.Caller`."""
        self._check()

    @contextmanager
    def beside(self, check: Callable[[], None]) -> Iterator[Client]:
        """See `jupyter_transfer.backends.base.Caller`."""
        with self._transport.beside() as transport:
            yield Client(transport, check)

    def _perform(
        self,
        exchange: Exchange,
        limit: int,
        wants: Callable[[Mapping[str, str]], bool] | None,
        into: Receiver | None,
        *,
        follow: bool,
    ) -> Answer:
        body = bytearray()
        taken: Callable[[memoryview], None] | None = None

        def look(exchange: Exchange) -> None:
            nonlocal taken
            if wants is not None and not wants(exchange.headers.as_dict()):
                raise Enough
            if into is not None:
                head = _answer(exchange)
                if not (follow and _onward(head)):
                    taken = into(head)

        def collect(data: memoryview) -> None:
            if taken is not None:
                taken(data)
                return
            if len(body) + len(data) > limit:
                raise TransferError(
                    "remote_lied", f"The answer of “{exchange.url.host}” is longer than it may be."
                )
            body.extend(data)

        while True:
            exchange.on_head, exchange.on_data = look, collect
            self._transport.perform(exchange, self._check)
            if not exchange.other_key:
                break
            exchange.other_key, exchange.error = False, None
        if exchange.error:
            raise exchange.error
        return _answer(exchange, bytes(body))


def _answer(exchange: Exchange, body: bytes = b"") -> Answer:
    """What `exchange` got."""
    return Answer(
        exchange.status,
        str(exchange.url),
        exchange.headers.as_dict(),
        body,
        exchange.size,
        exchange.modified,
    )


def _onward(answer: Answer) -> str | None:
    """Where a redirect leads to."""
    return answer.headers.get("location") if answer.status in _REDIRECTS else None


@contextmanager
def opened(
    address: str,
    context: Context,
    check: Callable[[], None] = lambda: None,
    bandwidth: Bandwidth | None = None,
    connections: int | None = None,
) -> Iterator[tuple[Backend, Transport]]:
    """The backend of `address` and a transport that both it and the engine use; closed at the
    end. Raises ``unsupported_scheme``, ``invalid_address``."""
    with (
        Transport(context.policy, context.ca_file, bandwidth, connections=connections) as transport,
        opened_over(address, context, transport, check) as backend,
    ):
        yield backend, transport


@contextmanager
def opened_over(
    address: str, context: Context, transport: Transport, check: Callable[[], None]
) -> Iterator[Backend]:
    """The backend of `address` over a transport that is there already; closed at the end. Raises
    as `opened`."""
    backend = find(address)(replace(context, caller=Client(transport, check)))
    try:
        yield backend
    finally:
        backend.close()
