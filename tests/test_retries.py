"""When a job is tried again: ever later, with jitter, and not before the remote side allows it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from jupyter_transfer import retries
from jupyter_transfer.retries import RETRY_FIRST, RETRY_LONGEST, Retries


@pytest.fixture
def clock(monkeypatch):
    """The time of retries, which stands still until it is moved."""
    clock = SimpleNamespace(now=time.monotonic())
    monkeypatch.setattr(retries, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_each_one_waits_longer(clock):
    for attempt in range(1, 20):
        longest = min(RETRY_LONGEST, RETRY_FIRST * 2 ** (attempt - 1))
        delays = {Retries().later("a", attempt) for _ in range(50)}
        assert longest / 2 <= min(delays) < max(delays) <= longest


def test_a_remote_side_that_says_when():
    assert Retries().later("a", 1, 1000) == 1000


def test_when_it_is_due(clock):
    waiting = Retries()
    assert waiting.next(clock.now, but=set()) is None
    delay = waiting.later("a", 1)
    waiting.later("b", 5)
    assert waiting.waits("a", clock.now)
    assert not waiting.waits("c", clock.now)
    assert waiting.next(clock.now, but=set()) == pytest.approx(delay)
    assert waiting.next(clock.now, but={"a"}) > delay
    clock.now += delay
    assert not waiting.waits("a", clock.now)
    waiting.now("b")
    assert not waiting.waits("b", clock.now)
    assert waiting.next(clock.now, but=set()) is None
