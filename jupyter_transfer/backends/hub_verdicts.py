"""What a commit still has to do, by what lies at its branch."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import TransferError
from .base import Entry
from .hub_known import Branch
from .hub_listing import File, Folder
from .hub_sink import HubSink


def left_of(
    branch: Branch, staged: Sequence[HubSink]
) -> tuple[list[HubSink], dict[str, File | Folder | None]]:
    """What of `staged` does not lie there yet, and what lies at all of their paths. Raises
    ``exists``, ``is_a_directory``."""
    there = dict(zip(paths_of(staged), branch.look(paths_of(staged)), strict=True))
    left = [sink for sink in staged if not is_there(sink, there[sink.path])]
    for sink in left:
        _require_free(sink, there[sink.path])
    return left, there


def paths_of(staged: Sequence[HubSink]) -> list[str]:
    """Where `staged` will stand."""
    return [sink.path for sink in staged]


def _digest_of(found: File) -> str:
    return found.sha256 or found.blob


def is_there(sink: HubSink, found: File | Folder | None) -> bool:
    """Whether what was `found` is the file of `sink`."""
    assert sink.digest is not None
    return isinstance(found, File) and _digest_of(found) == sink.digest.value


def _require_free(sink: HubSink, found: File | Folder | None) -> None:
    """Raise ``exists`` or ``is_a_directory`` where a file may not go to its path."""
    source = sink.source
    if found is None:
        return
    if isinstance(found, Folder):
        raise TransferError("is_a_directory", f"“{sink.path}” is a folder there.")
    seen = source.replaces.version if source.replaces is not None else None
    if source.replace and (seen is None or seen.endswith(f":{_digest_of(found)}")):
        return
    raise TransferError(
        "exists",
        f"Somebody has put another file at “{sink.path}” there.",
        "Look at it, then send again and say what is to become of it.",
        detail={"address": sink.address},
    )


def still_there(branch: Branch, doomed: Sequence[tuple[str, Entry]]) -> list[str]:
    """The paths that are to be deleted. Raises ``remote_changed``."""
    paths = []
    for (path, entry), found in zip(doomed, branch.look(p for p, _ in doomed), strict=True):
        if found is None:
            continue
        version = entry.validators.version
        if isinstance(found, Folder) or (
            version and version.rpartition(":")[2] != _digest_of(found)
        ):
            raise TransferError(
                "remote_changed",
                f"“{path}” is another file by now; nothing was deleted.",
                retryable=False,
            )
        paths.append(path)
    return paths


def file_of(found: File | Folder | None) -> File:
    """What was `found` of a file that was committed. Raises ``remote_lied``."""
    if not isinstance(found, File):
        raise TransferError("remote_lied", "The hub has lost a file of its commit.")
    return found
