"""What a backend says of the cache that its service's own clients keep: files by what they hold,
and by their names as links to these; or files by their names alone."""

from __future__ import annotations

from typing import Protocol

from .base import Entry


class Cache(Protocol):
    """Where the files of one source lie in such a cache."""

    @property
    def folder(self) -> str:
        """The folder of the cache, an absolute path; all other paths are below it."""

    @property
    def blobs(self) -> tuple[str, ...]:
        """Folders of the bytes, as the clients look for them: the first that holds something is
        the one, else the last."""

    @property
    def by_content(self) -> bool:
        """Whether the names of bytes tell what they are: equal for equal bytes only. Else they are
        the names of files, and what stands there has to be looked at."""

    def blob(self, entry: Entry) -> str:
        """The name of the bytes of `entry` below the folder of the bytes; untrusted. Raises
        ``remote_lied`` where the service does not tell what they are, and their name should."""

    def link(self, entry: Entry) -> str | None:
        """Where these bytes have the name of `entry`; untrusted. None where they lie under it."""

    def ref(self, entry: Entry) -> tuple[str, str] | None:
        """A file that tells what the revision of the source stood for, and its text; None where
        there is none."""
