"""Backends that are installed and cannot be loaded."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint
from typing import Any

from ..secrets import redact

_MOST = 200
"""Characters of a cause that are shown."""

_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^\s/'\"()]+/)+")


@dataclass(frozen=True)
class BrokenBackend:
    """What is known of one whose module cannot be imported: its schemes are not.

    Parameters
    ----------
    name: the name of its entry point.
    package: the package that it belongs to, with its version; "" where nobody knows.
    cause: what kept it from being loaded, without the paths of folders.
    """

    name: str
    package: str
    cause: str

    @classmethod
    def of(cls, entry_point: EntryPoint, error: Exception) -> BrokenBackend:
        """The one at `entry_point`, whose loading has raised `error`."""
        dist = entry_point.dist
        said = " ".join(str(error).split())
        text = f"{type(error).__name__}{': ' if said else ''}{said}"
        cause = _FOLDERS.sub("", redact(text))[:_MOST]
        return cls(entry_point.name, f"{dist.name} {dist.version}" if dist else "", cause)

    @property
    def title(self) -> str:
        """It and its package, for a sentence."""
        return f"“{self.name}”" + (f" of the package {self.package}" if self.package else "")

    @property
    def remedy(self) -> str:
        """What to do about it."""
        package = self.package.partition(" ")[0] or "jupyter_transfer"
        return f"Run pip install --upgrade {package}, or remove that package."

    def as_dict(self) -> dict[str, Any]:
        """It as the contract's JSON: name, package, cause."""
        return asdict(self)
