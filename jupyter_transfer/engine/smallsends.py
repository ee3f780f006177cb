"""Small files of a job that sends: most of them in the pool, in this thread; what takes more than
one request, a look or a retry in lanes, in threads of their own.
"""

from __future__ import annotations

from .control import Control
from .lanes import Lanes
from .outgoing import Finished
from .sendpool import CONNECTIONS, SendPool
from .transport import Transport
from .walk import Found

_PATIENCE = 0.05
"""Seconds that the pool runs before the lanes are asked what they have finished."""


class SmallSends:
    """Sends what is `put`; `collect` says what came of it.

    Parameters
    ----------
    pool: None where every file is for the lanes.
    transport: the pool's.
    """

    def __init__(
        self, lanes: Lanes, pool: SendPool | None, control: Control, transport: Transport
    ) -> None:
        self._lanes = lanes
        self._pool = pool
        self._control = control
        self._transport = transport
        if pool is not None:
            pool.limit = self._room_of_pool

    @property
    def bytes(self) -> int:
        """Bytes that were sent of files that are not collected yet."""
        return self._lanes.bytes + (self._pool.bytes if self._pool else 0)

    @property
    def moved(self) -> int:
        """Bytes that went over the network."""
        return self._lanes.moved + (self._pool.moved if self._pool else 0)

    @property
    def busy(self) -> bool:
        """Whether something was put that is not collected yet."""
        return self._lanes.busy or (self._pool is not None and self._pool.busy)

    def has_room(self, found: Found) -> bool:
        """Whether `found` can be put now."""
        if self._pool is not None and self._pool.takes(found):
            return self._pool.has_room
        return self._lane_is_free(found)

    def put(self, found: Found) -> None:
        """Send `found`."""
        if self._pool is not None and self._pool.takes(found):
            self._pool.put(found)
        else:
            self._lanes.put(found)

    def collect(self, seconds: float) -> list[Finished]:
        """What was finished since the last time; waits at most `seconds` for some. Raises whatever
        ends the job, such as `Stopped`."""
        pool = self._pool
        if pool is None:
            return self._lanes.collect(seconds)
        pool.pump()
        while pool.others and self._lane_is_free(pool.others[0]):
            self._lanes.put(pool.others.popleft())
        if pool.moving:
            self._transport.run(min(seconds, _PATIENCE))
        finished = list(pool.finished)
        pool.finished.clear()
        if self._lanes.busy:
            finished += self._lanes.collect(0 if finished or pool.moving else _PATIENCE)
        elif not finished and not pool.moving:
            self._control.sleep(0.01)  # for what is to be sent once more
        return finished

    # -- the limit of connections, which both share --

    def _room_of_pool(self) -> int:
        limit = self._control.connections
        return CONNECTIONS if limit is None else max(0, limit - self._lanes.active())

    def _lane_is_free(self, found: Found) -> bool:
        limit, live = self._control.connections, self._pool.live if self._pool else 0
        if limit is not None and live and live + self._lanes.active(1) > limit:
            return False
        return self._lanes.has_room(found)
