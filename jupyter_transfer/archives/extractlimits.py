"""How much an archive may become: a few kilobytes can be made to fill any disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import TransferError

MAX_FILES = 1_000_000
MAX_RATIO = 250
"""Bytes that one byte of an archive may become."""
UNSUSPICIOUS = 256 << 20
"""Bytes up to which no archive is taken for a bomb, however small it is."""


@dataclass(frozen=True)
class ExtractCaps:
    """What the administrator lets people set at most; None is whatever they like."""

    files: int | None = None
    size: int | None = None
    ratio: int | None = None

    def within(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """`options` of a job with what was not set there, where the administrator wants less than
        the default. Raises ``bad_request`` for more than may be."""
        result = dict(options)
        for name, most, default in (
            ("max_files", self.files, MAX_FILES),
            ("max_bytes", self.size, None),
            ("max_ratio", self.ratio, MAX_RATIO),
        ):
            if most is None:
                continue
            if result.get(name) is None and (default is None or default > most):
                result[name] = most
            elif (result.get(name) or 0) > most:
                raise TransferError(
                    "bad_request",
                    f"The option “{name}” may be {most} at most on this server.",
                    "Ask the administrator to raise the limit.",
                )
        return result


@dataclass
class ExtractLimits:
    """Counts what an archive becomes; the methods raise ``limit_reached``.

    Parameters
    ----------
    archive: bytes of the archive.
    size: bytes of all files together at most; None is no limit.
    """

    archive: int
    files: int = MAX_FILES
    size: int | None = None
    ratio: int = MAX_RATIO
    _files: int = field(default=0, init=False)
    _bytes: int = field(default=0, init=False)

    @classmethod
    def of(cls, archive: int, options: Mapping[str, Any]) -> ExtractLimits:
        """Those in the `options` of a job."""
        return cls(
            archive,
            options.get("max_files") or MAX_FILES,
            options.get("max_bytes"),
            options.get("max_ratio") or MAX_RATIO,
        )

    def add_entry(self) -> None:
        """One more entry, of whatever kind."""
        self._files += 1
        if self._files > self.files:
            raise _reached(f"The archive has more than {self.files:,} entries.", "max_files")

    def add_bytes(self, count: int) -> None:
        """So many bytes more of files."""
        self._bytes += count
        if self.size is not None and self._bytes > self.size:
            raise _reached(f"The files have more than {self.size:,} bytes.", "max_bytes")
        if self._bytes > max(UNSUSPICIOUS, self.ratio * self.archive):
            raise _reached(
                f"The files are more than {self.ratio} times as large as their archive, which is "
                "how archives look that are made to fill a disk.",
                "max_ratio",
            )


def _reached(what: str, option: str) -> TransferError:
    return TransferError(
        "limit_reached",
        what,
        f"If you know that it is right, raise the option “{option}”, as far as the administrator "
        "lets you.",
        detail={"option": option},
    )
