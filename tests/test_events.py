"""Events are few, and a client can tell when it has missed one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from jupyter_events import EventLogger

from jupyter_transfer import events
from jupyter_transfer.meter import Meter
from jupyter_transfer.spec import Job, JobSpec, Progress


@pytest.fixture
def emitted() -> list[dict]:
    return []


@pytest.fixture
def publisher(emitted, monkeypatch):
    monkeypatch.setattr(events, "INTERVAL", 0.05)
    publisher = events.Publisher(emitted.append, 100)
    yield publisher
    publisher.close()


def job(revision: int, **changes) -> Job:
    new = Job.new(JobSpec("fetch", "https://user.example/secret-name?sig=1", "data"), "me")
    return replace(new, revision=revision, **changes)


async def test_changes_are_coalesced(publisher, emitted):
    one = job(101)
    publisher.changed(one)
    await asyncio.sleep(0.01)
    for revision in range(102, 202):
        publisher.changed(replace(one, revision=revision, progress=Progress(revision)))
    await asyncio.sleep(0.2)
    assert len(emitted) == 2
    first, second = emitted
    assert (first["previous"], first["revision"]) == (100, 101)
    assert (second["previous"], second["revision"]) == (101, 201)
    assert [entry["progress"]["bytes_done"] for entry in second["jobs"]] == [201]


async def test_too_many_at_once_make_clients_ask(publisher, emitted):
    for revision in range(101, 101 + events.MAX_JOBS + 1):
        publisher.changed(job(revision))
    await asyncio.sleep(0.1)
    assert emitted[0]["jobs"] == []
    assert emitted[0]["previous"] == -1


async def test_removals(publisher, emitted):
    one = job(101)
    publisher.changed(one)
    publisher.removed(one.id, 102)
    await asyncio.sleep(0.1)
    assert emitted == [{"revision": 102, "previous": 100, "jobs": [], "removed": [one.id]}]


async def test_the_bus_takes_it_and_nothing_private_is_in_it(publisher, emitted):
    publisher.changed(job(101, progress=Progress(1, 2, 0, 1, 0, 3.5, None)))
    await asyncio.sleep(0.1)
    logger = EventLogger()
    logger.register_event_schema(events.SCHEMA)
    heard = []

    async def listener(logger: EventLogger, schema_id: str, data: dict) -> None:
        heard.append(data)

    logger.add_listener(schema_id=events.SCHEMA_ID, listener=listener)
    logger.emit(schema_id=events.SCHEMA_ID, data=emitted[0])
    await logger.gather_listeners()
    assert [event["revision"] for event in heard] == [101]
    text = json.dumps(emitted)
    for private in ("secret-name", "sig=", "example", "data", '"me"'):
        assert private not in text


def test_a_rate(monkeypatch):
    clock = iter(float(second) / 4 for second in range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    meter = Meter()
    shown = [
        # A megabyte was there from an earlier run: it did not come at any speed.
        meter.measure(Progress(1_000_000 * (step > 0) + 1000 * step, 1_100_000), 1000 * step)
        for step in range(21)
    ]
    assert shown[0].rate is None
    assert shown[-1].rate == pytest.approx(4000, rel=0.01)
    assert shown[-1].eta == pytest.approx(20, rel=0.01)


def test_a_restart_from_zero_is_no_negative_rate(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    meter = Meter()
    for done in (0, 1000, 2000, 0, 0):
        shown = meter.measure(Progress(bytes_done=done), done)
        assert shown.rate is None or shown.rate >= 0
