"""How much a service holds of what a send has begun, for the list of leftovers."""

from __future__ import annotations

import time
from contextlib import suppress

from ..backends.base import Backend, Context
from ..backends.sink import Gone
from ..errors import TransferError
from .client import opened
from .run import JobRequest
from .send import sink_for
from .sendjournal import Begun, SendJournal
from .sendrun import journal_of
from .spans import Spans

PATIENCE = 8.0
"""Seconds in which a service must answer."""


def left(request: JobRequest, context: Context) -> int:
    """Bytes that the service holds of the files that a send has begun and not finished. Raises
    `TransferError`."""
    return held(journal_of(request, context), request.destination, context)


def held(journal: SendJournal, destination: str, context: Context) -> int:
    """Bytes that the service of `destination` holds of what `journal` says was begun; the journal
    is closed. Raises `TransferError`."""
    until = time.monotonic() + PATIENCE

    def check() -> None:
        if time.monotonic() > until:
            raise TransferError("timeout", "The service does not answer.")

    try:
        with opened(destination, context, check) as (backend, _):
            return sum(_held(backend, path, begun) for path, begun in journal.begun.items())
    finally:
        journal.close()


def _held(backend: Backend, path: str, begun: Begun) -> int:
    with suppress(Gone):
        return Spans(sink_for(backend, path, begun).begin(begun.state)).total
    return 0
