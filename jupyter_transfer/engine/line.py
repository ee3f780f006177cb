"""A handle of libcurl that serves one exchange after the other.

To set all options costs as much as to read the answer of a small file. After a plain GET that went
well they stay for the next one, which sets its address and its fields only. After everything else
the handle is reset: nothing of a transfer that was cut short, or has options of its own, is to
reach the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fileprotocols import FILE_SCHEMES

if TYPE_CHECKING:
    from .transport import Exchange

Form = tuple[str, "str | None", "str | None", int]
"""What the options of a plain GET depend on: scheme, proxy, unix socket, size of the buffer."""


def form_of(exchange: Exchange, proxy: str | None, buffer_size: int) -> Form | None:
    """The form of a plain GET; None for a request that has options of its own."""
    scheme = exchange.url.scheme
    plain = (
        exchange.method == "GET"
        and exchange.body is None
        and exchange.upload is None
        and exchange.byte_range is None
        and not exchange.once
        and scheme not in FILE_SCHEMES
    )
    return (scheme, proxy, exchange.unix_socket, buffer_size) if plain else None


class Line:
    """A handle and what its callbacks need; they read `exchange` when they are called."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.exchange: Exchange | None = None
        self.form: Form | None = None
        """The form that all options are set for."""
        self.head: list[bytes] = []
        """Lines of a head that is not whole yet."""

    @property
    def current(self) -> Exchange:
        """The exchange, while there is one."""
        assert self.exchange is not None
        return self.exchange

    def take(self, exchange: Exchange, form: Form | None) -> bool:
        """Serve `exchange` from now on; whether its options are set already, but for its address
        and its fields."""
        exchange.line, self.exchange = self, exchange
        if form is not None and self.form == form:
            return True
        if self.form is not None:
            self.handle.reset()
        self.form = form
        return False

    def free(self, *, went_well: bool) -> None:
        """Let go of the exchange, so that nothing of it stays in memory."""
        self.exchange = None
        self.head.clear()
        if not went_well or self.form is None:
            self.form = None
            self.handle.reset()
