"""COPY of WebDAV (RFC 4918 section 9.8): to a temporary name first, which MOVE makes the final one
when the source was found unchanged behind the copy."""

from __future__ import annotations

from ..errors import TransferError
from .base import Entry
from .http_sink import DavSink, refusal
from .servicesink import ServiceSink
from .sink import Span, State


class DavCopySink(DavSink, ServiceSink):
    """A file that the server copies within itself."""

    def state(self) -> State:
        """See `Sink`."""
        return {**super().state(), "service": True}

    def take(self, span: Span) -> None:
        """See `ServiceSink`. No condition of COPY speaks of the source, so look before and behind
        it."""
        entry = self._source.entry
        assert entry is not None
        before = self._look(entry)
        if entry.validators.contradicts(before.validators) or entry.size not in (None, before.size):
            raise _changed()
        self._server.make_folder(self._folder)
        answer = self._server.call(
            entry.address,
            "COPY",
            {"Destination": self._temporary, "Overwrite": "T", "Depth": "0"},
        )
        if not 200 <= answer.status < 300:
            raise refusal(answer)
        after = self._look(entry)
        if before.validators.contradicts(after.validators) or before.size != after.size:
            raise _changed()
        self.proof = before.digest

    def _look(self, entry: Entry) -> Entry:
        found = self._server.find(entry.address)
        if found is None or found.path.endswith("/"):
            raise TransferError("remote_not_found", "The server has no such file any more.")
        return found


def _changed() -> TransferError:
    return TransferError("remote_changed", "The file changed at its source meanwhile.")
