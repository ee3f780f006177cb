"""HTTP only: each handler parses, authorises, calls one method and writes the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Route = tuple[Any, ...]


def routes() -> list[Route]:
    """All addresses of the extension; whatever else is asked below our prefix is 404 in JSON."""
    from . import (  # noqa: PLC0415
        archives,
        base,
        clones,
        downloads,
        jobfiles,
        jobs,
        leftovers,
        probe,
        resumable,
        room,
        tus,
    )

    known: list[Sequence[Route]] = [
        jobs.ROUTES,
        jobfiles.ROUTES,
        leftovers.ROUTES,
        probe.ROUTES,
        clones.ROUTES,
        room.ROUTES,
        tus.ROUTES,
        resumable.ROUTES,
        downloads.ROUTES,
        archives.ROUTES,
    ]
    rest: list[Route] = [(r"jupyter-transfer(?:/.*)?", base.NotFoundHandler)]
    return [route for group in known for route in group] + rest
