"""One thing that was looked at, and what it is like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ok", "note", "missing", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """What a look has shown.

    Parameters
    ----------
    topic: the group that it is shown in.
    name: what was looked at.
    state: ``note`` is neither good nor bad; ``missing`` is an optional part that is not there;
        ``warning`` may trouble some transfers; ``failed`` will.
    text: what it is like.
    remedy: what to do about it; "" where nothing has to be done.
    """

    topic: str
    name: str
    state: State
    text: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON."""
        return {
            "topic": self.topic,
            "name": self.name,
            "state": self.state,
            "text": self.text,
            "remedy": self.remedy,
        }
