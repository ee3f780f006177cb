"""What a backend says of the cache that its service's own clients keep: files by what they hold,
and by their names as links to these."""

from __future__ import annotations

from typing import Protocol

from .base import Entry


class Cache(Protocol):
    """Where the files of one source lie in such a cache."""

    @property
    def folder(self) -> str:
        """The folder of the cache, an absolute path; all other paths are below it."""

    @property
    def blobs(self) -> str:
        """The folder of the bytes."""

    def blob(self, entry: Entry) -> str:
        """The name of the bytes of `entry` in `blobs`: equal for equal bytes only. Raises
        ``remote_lied`` where the service does not tell what they are."""

    def link(self, entry: Entry) -> str:
        """Where these bytes have the name of `entry`; untrusted."""

    def ref(self, entry: Entry) -> tuple[str, str] | None:
        """A file that tells what the revision of the source stood for, and its text; None where
        there is none."""
