"""Small files, several at a time: each lane is a thread that sends one after the other.

What a lane finished is collected, and reported, by the thread that fills them. A lane has a
connection and a backend of its own, for neither is made for several threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager

from .control import Control, Message, Report, Stopped, Tally
from .filling import AT_RISK
from .outgoing import Finished, Lane, Outgoing
from .walk import Found

LANES = 8
"""Files that are under way at a time, at most."""

QUEUED = 8
"""Files for each lane that it has or that wait for it: who fills them is one thread among all."""

SMALL = AT_RISK // 2
"""Bytes up to which a file goes into a lane. All lanes together hold `AT_RISK` bytes, about: what
a kill costs."""

OpenLane = Callable[[Control, Report], AbstractContextManager[Lane]]


class LaneControl(Control):
    """The job's control, as a lane sees it: it also stops when the lanes are closed."""

    def __init__(self, control: Control, closing: threading.Event) -> None:
        self._job = control
        self._closing = closing
        self.bandwidth = control.bandwidth
        self.connections = 1

    def pause(self) -> None:
        """See `Control`."""
        self._job.pause()

    def cancel(self) -> None:
        """See `Control`."""
        self._job.cancel()

    def check(self) -> None:
        """See `Control`."""
        self._job.check()
        if self._closing.is_set():
            raise Stopped("pause")

    def sleep(self, seconds: float) -> None:
        """See `Control`."""
        self._job.sleep(seconds)
        self.check()


class LaneReport:
    """Keeps what a lane has to say until somebody tells it in the right thread."""

    def __init__(self) -> None:
        self.notes: deque[tuple[str, str]] = deque()

    def progress(self, **counts: int | None) -> None:
        """See `Report`."""

    def state(self, note: str) -> None:
        """See `Report`."""

    def note(self, code: str, message: str) -> None:
        """See `Report`."""
        self.notes.append((code, message))

    def file(self, file: Message) -> None:
        """See `Report`."""


class Lanes:
    """Use it in a ``with`` block; its end stops what is under way.

    Parameters
    ----------
    open_lane: opens a lane, in its thread, with the control and the report that it is given.
    count: lanes at most; each is started when all others are busy.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        control: Control,
        report: Report,
        open_lane: OpenLane,
        count: int = LANES,
    ) -> None:
        self._outgoing = outgoing
        self._control = control
        self._report = report
        self._open_lane = open_lane
        self._count = count
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # for a lane
        self._news = threading.Condition(self._lock)  # for who fills them
        self._waiting: deque[Found] = deque()
        self._finished: deque[Finished] = deque()
        self._under_way = self._files = self._idle = 0
        self._tallies: list[Tally] = []
        self._notes = LaneReport()
        self._failure: BaseException | None = None
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closing.set()
            self._waiting.clear()
            self._work.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def bytes(self) -> int:
        """Bytes that were sent of files that are not collected yet."""
        with self._lock:
            done = sum(finished.bytes for finished in self._finished)
            return done + sum(tally.bytes for tally in self._tallies)

    @property
    def moved(self) -> int:
        """Bytes that all lanes have sent."""
        return sum(tally.moved for tally in self._tallies)

    def active(self, more: int = 0) -> int:
        """Connections in use, if `more` files are put."""
        with self._lock:
            return min(self._files + more, self._count)

    def has_room(self, found: Found) -> bool:
        """Whether `found` can be put now."""
        with self._lock:
            full = self._files >= QUEUED * self._count or self._under_way + found.size > AT_RISK
            return not full or self._files == 0

    def put(self, found: Found) -> None:
        """Let a lane send `found`."""
        with self._lock:
            self._files += 1
            self._under_way += found.size
            self._waiting.append(found)
            self._work.notify()
            if len(self._waiting) <= self._idle or len(self._threads) >= self._count:
                return
        thread = threading.Thread(target=self._run, name="lane", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _is_urgent(self) -> bool:
        """Whether the lanes are about to have nothing to do. To wake another thread for each file
        would cost as much as the file: on one interpreter they wait for each other."""
        few = len(self._waiting) <= self._count
        return self._failure is not None or (few and bool(self._finished))

    def collect(self, seconds: float) -> list[Finished]:
        """What was finished since the last time; waits at most `seconds` for much. Raises
        whatever ended a lane, such as `Stopped`."""
        with self._lock:
            if not self._is_urgent() and self._files:
                self._news.wait(seconds)
            if self._failure is not None:
                raise self._failure
            finished, self._finished = list(self._finished), deque()
        while self._notes.notes:
            self._report.note(*self._notes.notes.popleft())
        return finished

    @property
    def busy(self) -> bool:
        """Whether something was put that is not collected yet."""
        with self._lock:
            return self._files > 0 or bool(self._finished)

    # -- a lane --

    def _run(self) -> None:
        control = LaneControl(self._control, self._closing)
        try:
            with self._open_lane(control, self._notes) as lane:
                with self._lock:
                    self._tallies.append(lane.tally)
                while (found := self._next()) is not None:
                    finished = self._outgoing.deliver(lane, found)
                    with self._lock:
                        lane.tally.bytes = 0
                        self._files -= 1
                        self._under_way -= found.size
                        self._finished.append(finished)
                        if self._is_urgent():
                            self._news.notify()
        except BaseException as failure:  # told by `collect`, in the thread that can act on it
            with self._lock:
                self._failure = self._failure or failure
                self._news.notify()

    def _next(self) -> Found | None:
        with self._lock:
            self._idle += 1
            try:
                while not self._waiting:
                    if self._closing.is_set():
                        return None
                    self._work.wait()
                return self._waiting.popleft()
            finally:
                self._idle -= 1
