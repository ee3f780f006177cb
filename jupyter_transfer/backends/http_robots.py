"""What the owner of a web server asks of programs that walk through it (robots.txt, RFC 9309)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import TransferError
from ..net import Url
from .base import Caller

AGENT = "jupyter-transfer"

_LIMIT = 512 << 10
"""Bytes of a robots.txt; the RFC asks for at least 500 KiB."""


class Robots:
    """The rules of one origin, read once.

    Parameters
    ----------
    origin: any address of it.
    headers: what may be sent to it.
    """

    def __init__(
        self, caller: Caller, origin: Url, headers: Mapping[str, str] | None = None
    ) -> None:
        self._allows = self._read(caller, origin, headers or {})

    def allows(self, url: str) -> bool:
        """Whether `url` may be visited."""
        return self._allows(url)

    @staticmethod
    def _read(caller: Caller, origin: Url, headers: Mapping[str, str]) -> Callable[[str], bool]:
        from protego import Protego  # noqa: PLC0415 - for walking only

        address = str(Url(origin.scheme, origin.host, origin.port, "/robots.txt", ""))
        answer = caller.call(address, headers=headers, limit=_LIMIT)
        if answer.status >= 500:
            # RFC 9309 2.3.1.4: rules that cannot be read forbid everything.
            raise TransferError(
                "remote_busy",
                f"“{origin.host}” cannot say now what it lets programs visit (robots.txt).",
                "Try again later, or set the option “ignore_robots” if the server is yours.",
            )
        if answer.status != 200:
            return lambda url: True
        rules = Protego.parse(answer.body.decode("utf-8", "replace"))
        return lambda url: rules.can_fetch(url, AGENT)
