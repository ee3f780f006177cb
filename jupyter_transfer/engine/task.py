"""What the two ways of fetching a file, in parts and in one piece, both need."""

from __future__ import annotations

from dataclasses import dataclass, field

from .control import Control, Tally
from .follower import Follower
from .journal import Journal
from .parthasher import PartHasher
from .plan import Remote
from .retry import Retries
from .transport import Transport


@dataclass
class Task:
    """One file to be brought into the part of `journal`; `remote` is what it is known to be,
    `follower` what has read the part as it came in, if anything has."""

    transport: Transport
    journal: Journal
    remote: Remote
    control: Control
    tally: Tally
    retries: Retries = field(default_factory=Retries)
    follower: Follower | PartHasher | None = None
