"""The Jupyter servers of this person."""

from __future__ import annotations

from collections.abc import Iterator

from ... import servers
from ...client import Client
from ...errors import TransferError
from .finding import Finding


def running(ca_file: str | None) -> Iterator[Finding]:
    """Each server that runs here, and whether commands can use it."""
    found = servers.running()
    if not found:
        text = "none of yours runs here: commands do it themselves"
        yield Finding("Jupyter", "servers", "note", text)
    for server in found:
        try:
            count = len(Client(server, ca_file=ca_file).backends())
        except TransferError as error:
            text = f"cannot be used: {error}"
            yield Finding("Jupyter", server.url, "warning", text, error.remedy)
            continue
        text = f"has this extension, with {count} services; its folder is {server.root}"
        yield Finding("Jupyter", server.url, "ok", text)
