"""When jobs run, how fast, and over how many connections: with real workers."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from jupyter_transfer import timetable
from jupyter_transfer.allowances import Allowances
from jupyter_transfer.spec import iso_time

from ..conftest import until
from ..servers.chaos import ChaosServer, Connection, Resource, noise, running_chaos, status

DATA = noise(8_000_000)


@pytest.fixture
def chaos() -> Iterator[ChaosServer]:
    with running_chaos() as server:
        yield server


@pytest.fixture
def allow(transfer_app):
    """Set what all jobs together may use."""

    def change(**values) -> None:
        transfer_app.queue._settings.allowances = Allowances(**values)

    return change


class Counting:
    """Serves a resource and knows how many answers are on their way."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, connection: Connection) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            self.resource(connection)
        finally:
            with self._lock:
                self.now -= 1


# ---- planned ------------------------------------------------------------------------------------


async def test_a_planned_job_begins_at_its_time(post, job_now, reaches, chaos):
    start = time.time() + 1.5
    job = await post(chaos.add("/f", Resource(DATA)), start_at=iso_time(start))
    assert job["state"] == "queued"
    assert job["reason"]["code"] == "scheduled"
    assert job["reason"]["retry_at"] == job["options"]["start_at"]
    await asyncio.sleep(1)
    assert (await job_now(job))["state"] == "queued"
    assert chaos.requests == []
    job = await reaches(job, "done")
    assert job["started"] >= iso_time(start - 0.01)
    assert job["reason"] is None


async def test_a_planned_job_is_started_now_by_retry(post, act, reaches, chaos):
    source = chaos.add("/f", Resource(DATA))
    job = await post(source, start_at="2099-01-01T00:00:00Z")
    await act(job, action="pause")
    resumed = json.loads((await act(job, action="resume")).body)
    assert (resumed["state"], resumed["reason"]["code"]) == ("queued", "scheduled")
    await act(job, action="retry")
    await reaches(job, "done")


async def test_a_time_that_has_passed_is_now(post, reaches, chaos):
    await reaches(await post(chaos.add("/f", Resource(DATA)), start_at="2020-01-01"), "done")


# ---- bandwidth ----------------------------------------------------------------------------------


async def rates_of(jobs, job_now, seconds: float) -> list[float]:
    """Bytes a second that arrive for each of `jobs`; what a server hands to its kernel says
    nothing, which takes some megabytes ahead."""

    async def counts() -> list[int]:
        return [(await job_now(job))["progress"]["bytes_done"] for job in jobs]

    async def moving():
        return all(await counts())

    await until(moving)
    await asyncio.sleep(1)
    before, began = await counts(), time.monotonic()
    await asyncio.sleep(seconds)
    elapsed = time.monotonic() - began
    return [(now - then) / elapsed for now, then in zip(await counts(), before, strict=True)]


async def test_a_timetable_is_followed_within_two_seconds(
    post, job_now, reaches, chaos, monkeypatch
):
    """And a clock that jumps does no harm: it is only ever asked what time it is now."""
    clock = SimpleNamespace(localtime=lambda: time.strptime("08:30", "%H:%M"))
    monkeypatch.setattr(timetable, "time", clock)
    job = await post(chaos.add("/f", Resource(DATA)), bandwidth="08:00,400k 19:00,off")
    (rate,) = await rates_of([job], job_now, 3)
    assert 300_000 < rate < 500_000
    clock.localtime = lambda: time.strptime("19:00", "%H:%M")
    began = time.monotonic()
    await reaches(job, "done")
    assert time.monotonic() - began < 3


async def test_the_limit_of_all_is_shared_out(post, act, allow, chaos, job_now):
    allow(bandwidth=400_000)
    jobs = [await post(chaos.add(f"/{n}", Resource(DATA))) for n in range(2)]
    rates = await rates_of(jobs, job_now, 3)
    assert all(120_000 < rate < 280_000 for rate in rates)
    for job in jobs:
        await act(job, action="cancel")


# ---- connections --------------------------------------------------------------------------------


async def test_connections_to_one_host(post, allow, reaches, chaos):
    counting = Counting(Resource(DATA, rate=3_000_000))
    allow(connections=3)
    jobs = [await post(chaos.add(f"/{n}", counting)) for n in range(5)]
    for job in jobs:
        assert (await reaches(job, "done", "failed"))["state"] == "done"
    assert 2 <= counting.most <= 3


async def test_another_host_is_not_held_up(post, allow, reaches, job_now, chaos):
    allow(connections=1)
    slow = await post(chaos.add("/slow", Resource(DATA, rate=200_000)))
    waits = await post(chaos.add("/waits", Resource(DATA)))
    await until(lambda: chaos.asked("/slow"))
    with running_chaos() as other:
        source = other.add("/other", Resource(DATA)).replace("127.0.0.1", "localhost")
        await reaches(await post(source), "done")
    assert (await job_now(waits))["state"] == "queued"
    assert (await job_now(slow))["state"] == "running"


# ---- retries ------------------------------------------------------------------------------------


async def test_a_service_that_says_when(post, job_now, chaos):
    job = await post(chaos.add("/f", status(503, Retry_After="120")))

    async def put_off():
        now = await job_now(job)
        return now if now["state"] == "queued" and now["reason"] else None

    now = await until(put_off)
    assert now["reason"]["code"] == "remote_busy"
    assert iso_time(time.time() + 100) < now["reason"]["retry_at"] < iso_time(time.time() + 140)


@pytest.mark.parametrize("code", [503, 404])
async def test_a_job_may_forbid_retries(post, reaches, chaos, code):
    source = chaos.add("/f", status(code, Retry_After="60"))
    job = await reaches(await post(source, max_retries=0), "failed")
    assert job["attempt"] == 0


# ---- how long an attempt may take ---------------------------------------------------------------


async def test_an_attempt_that_takes_too_long_fails_and_keeps_what_is_there(
    post, act, reaches, chaos
):
    source = chaos.add("/f", Resource(DATA))
    job = await post(source, bandwidth=1_000_000, max_duration=1, max_retries=0)
    job = await reaches(job, "failed", "done")
    assert job["reason"]["code"] == "deadline_exceeded"
    assert "1 seconds" in job["reason"]["message"]
    before = job["progress"]["bytes_done"]
    assert 0 < before < len(DATA)
    await act(job, action="retry")
    job = await reaches(job, "failed", "done")
    assert job["reason"]["code"] == "deadline_exceeded"
    assert job["progress"]["bytes_done"] > before


async def test_a_pause_counts_more_than_the_time(post, act, reaches, chaos):
    source = chaos.add("/f", Resource(DATA))
    job = await post(source, bandwidth=100_000, max_duration=2, max_retries=0)
    await reaches(job, "running")
    await act(job, action="pause")
    assert (await reaches(job, "paused", "failed"))["state"] == "paused"
