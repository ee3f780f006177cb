"""When a job is tried again: ever later, with jitter, and not before the remote side allows it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from jupyter_transfer import retries
from jupyter_transfer.errors import TransferError
from jupyter_transfer.retries import (
    RETRY_FIRST,
    RETRY_LONGEST,
    RULES,
    Retries,
    attempt_after,
)


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
    assert waiting.next(clock.now) is None
    delay = waiting.later("a", 1)
    waiting.later("b", 5)
    assert waiting.waits("a", clock.now)
    assert not waiting.waits("c", clock.now)
    assert waiting.next(clock.now) == pytest.approx(delay)
    assert waiting.due(clock.now) == []
    clock.now += delay
    assert not waiting.waits("a", clock.now)
    assert waiting.due(clock.now) == ["a"]
    assert waiting.due(clock.now) == []
    assert waiting.next(clock.now) > 0
    waiting.now("b")
    assert not waiting.waits("b", clock.now)
    assert waiting.next(clock.now) is None


def test_put_off_again_the_later_moment_counts(clock):
    waiting = Retries()
    waiting.later("a", 1)
    delay = waiting.later("a", 1, 50)
    clock.now += 10
    assert waiting.due(clock.now) == []
    clock.now += delay
    assert waiting.due(clock.now) == ["a"]


def after(code: str, before: int, *, progressed: bool = False, most: int = 8):
    return attempt_after(TransferError(code, "x"), before, progressed, most)


@pytest.mark.parametrize("code", ["disk_full", "remote_not_found", "tls_failed", "internal"])
def test_some_classes_are_never_retried(code):
    assert after(code, 0) is None


def test_the_budget():
    assert [after("timeout", before) for before in (0, 7, 8)] == [1, 8, None]
    assert after("timeout", 8, progressed=True) == 1
    assert after("timeout", 0, most=0) is None
    assert after("timeout", 0, progressed=True, most=0) is None


def test_damage_is_not_forgiven():
    """A file whose digest never fits arrives whole each time: that is no progress."""
    assert after("digest_mismatch", 2, progressed=True) == 3
    assert after("digest_mismatch", 3, progressed=True) is None
    assert after("remote_changed", 5, progressed=True) is None
    assert after("worker_died", 5) is None
    assert after("worker_died", 5, progressed=True) == 1


def test_a_busy_service_is_left_alone_for_longer(clock):
    assert Retries().later("a", 1, rule=RULES["remote_busy"]) >= 5
    assert Retries().later("a", 1000) <= RETRY_LONGEST
