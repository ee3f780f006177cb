"""Questions about many files that a service answers one by one: several are asked at a time, the
answers come in the order of the questions."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from ..backends import find
from ..backends.base import Backend, Context
from ..errors import TransferError
from .client import opened
from .control import Control, Tally
from .filling import Way
from .retry import Retries

Item = TypeVar("Item")
Found = TypeVar("Found")

AHEAD = 4
"""Questions that wait for each one that is being asked."""

MOST_WAITING = 1000
"""Items that wait for the answer about one before them."""


class Looks:
    """Use it in a ``with`` block. Each thread has a backend and a connection of its own.

    Parameters
    ----------
    address: whose backend answers.
    own: the backend of the thread that asks, which has a connection to it: it answers where no
        second one is allowed.
    """

    def __init__(
        self, address: str, context: Context, control: Control, own: Backend | None = None
    ) -> None:
        self._address = address
        self._context = context
        self._control = control
        kind = find(address)
        most = 1 if kind.tool else kind.parallel
        limit = control.connections
        self._alone = own if limit == 1 else None
        self._count = most if limit is None else max(1, min(most, limit - 1))
        self._open = ExitStack()
        self._own = threading.local()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(self._count, "look")

    def __enter__(self) -> Looks:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._open.close()

    def each(
        self,
        items: Iterable[Item],
        ask: Callable[[Backend, Item], Found],
        wanted: Callable[[Item], bool] = lambda item: True,
    ) -> Iterator[tuple[Item, Found | None]]:
        """Each of `items` with what `ask` found about it, None where that was not `wanted`.

        Raises what `ask` raises, after retries by error class, and `Stopped`.
        """
        if self._alone is not None:
            yield from self._one_by_one(self._alone, items, ask, wanted)
            return
        waiting: deque[tuple[Item, Future[Found] | None]] = deque()

        def answered() -> tuple[Item, Found | None]:
            item, future = waiting.popleft()
            self._control.check()
            return item, None if future is None else future.result()

        asked = 0
        for item in items:
            if not waiting and not wanted(item):
                yield item, None
                continue
            future = self._pool.submit(self._ask, ask, item) if wanted(item) else None
            waiting.append((item, future))
            asked += future is not None
            while waiting and (
                waiting[0][1] is None
                or asked >= AHEAD * self._count
                or len(waiting) >= MOST_WAITING
            ):
                asked -= waiting[0][1] is not None
                yield answered()
        while waiting:
            yield answered()

    def _one_by_one(
        self,
        backend: Backend,
        items: Iterable[Item],
        ask: Callable[[Backend, Item], Found],
        wanted: Callable[[Item], bool],
    ) -> Iterator[tuple[Item, Found | None]]:
        for item in items:
            self._control.check()
            retries, found = Retries(), None
            while wanted(item):
                try:
                    found = ask(backend, item)
                except TransferError as error:
                    self._control.sleep(retries.wait_for(error))
                else:
                    break
            yield item, found

    def _ask(self, ask: Callable[[Backend, Item], Found], item: Item) -> Found:
        if not hasattr(self._own, "way"):
            with self._lock:
                backend, transport = self._open.enter_context(
                    opened(self._address, self._context, self._control.check)
                )
            backend.check(self._address)
            self._own.backend = backend
            self._own.way = Way(transport, self._control, Tally(lambda: None), Retries())
        way: Way = self._own.way
        way.retries = Retries()
        return way.patiently(lambda: ask(self._own.backend, item))
