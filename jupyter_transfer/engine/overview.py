"""What a plan says to a person before anything moves: how many files of each sort, how many bytes,
and the first of them."""

from __future__ import annotations

from typing import Any, Literal

from ..decisions import PlanHash

Action = Literal["copy", "replace", "delete", "skip", "fail"]
"""``copy`` to where nothing stands, ``replace`` what stands there, ``delete`` what the source
lacks, ``skip`` what is there and right or has to be left alone, ``fail`` because of an error."""

MOST_ENTRIES = 200
"""Entries that are shown."""


class Overview:
    """Counts the steps of a plan; of each sort it keeps the first `MOST_ENTRIES` to show.

    The hash covers what is lost where it is carried out: files that are replaced or deleted, each
    with its present size and time.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(
            ("copy", "replace", "delete", "skip", "fail"), 0
        )
        self.bytes: int | None = 0
        """Bytes to move; None if that is not known of every file."""
        self._deletions: list[dict[str, Any]] = []
        self._others: list[dict[str, Any]] = []
        self._hash = PlanHash()

    def add(
        self,
        action: Action,
        path: str,
        size: int | None,
        *,
        before: tuple[int | None, int | None] | None = None,
        error: str | None = None,
    ) -> None:
        """One more file.

        Parameters
        ----------
        size: bytes of what is moved or deleted.
        before: size and time (nanoseconds since 1970) of what is lost; None where nothing is.
        error: the code of what it would fail of.
        """
        self.counts[action] += 1
        if action in ("copy", "replace"):
            known = self.bytes is not None and size is not None
            self.bytes = (self.bytes or 0) + (size or 0) if known else None
        if before is not None:
            self._hash.add([action, path, *before])
        if action == "skip":
            return
        shown = self._deletions if action == "delete" else self._others
        if len(shown) < MOST_ENTRIES:
            more = {"error": error} if error else {}
            shown.append({"path": path, "size": size, "action": action, **more})

    def bind(self, step: list[Any]) -> None:
        """Let the hash cover `step` too, which is none of a file."""
        self._hash.add(step)

    @property
    def hash(self) -> str:
        """What an approval of this plan names."""
        return self._hash.hex

    def plan(self) -> dict[str, Any]:
        """Counts, bytes and hash as the contract's JSON."""
        return {**self.counts, "bytes": self.bytes, "hash": self.hash}

    def entries(self) -> list[dict[str, Any]]:
        """The first steps, deletions before all others."""
        return [*self._deletions, *self._others][:MOST_ENTRIES]
