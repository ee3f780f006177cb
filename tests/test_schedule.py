"""Whose turn it is, and what running jobs may use."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from jupyter_transfer.allowances import NO_LIMITS, Allowance, Allowances
from jupyter_transfer.schedule import Schedule, services_of
from jupyter_transfer.spec import Job, JobSpec, State, iso_time

NUMBER = iter(range(10**9))


def job(source: str = "https://h/x", destination: str = "", **changes) -> Job:
    new = Job.new(JobSpec("fetch", source, destination, changes.pop("options", {})), "me")
    return replace(new, created=f"2026-01-01T00:00:00.{next(NUMBER):09d}Z", **changes)


class Line:
    """A schedule and the jobs as they are."""

    def __init__(self) -> None:
        self.schedule = Schedule()
        self.jobs: dict[str, Job] = {}

    def add(self, job: Job) -> Job:
        self.jobs[job.id] = job
        self.schedule.add(job)
        return job

    def take(self, free=lambda services: True) -> str | None:
        def true(id: str, priority: int) -> bool:
            now = self.jobs.get(id)
            return now is not None and now.state is State.QUEUED and now.priority == priority

        id = self.schedule.take(true, free)
        if id is not None:
            self.jobs[id] = replace(self.jobs[id], state=State.RUNNING)
        return id


@pytest.fixture
def line() -> Line:
    return Line()


def test_by_priority_and_then_by_age(line):
    jobs = [line.add(job(priority=priority)) for priority in (0, 5, 0, -1, 5)]
    order = [line.take() for _ in range(6)]
    assert order == [jobs[n].id for n in (1, 4, 0, 2, 3)] + [None]


def test_a_job_comes_once_however_often_it_was_added(line):
    one = line.add(job())
    line.add(one)
    line.add(replace(one, priority=3))
    line.add(one)
    assert [line.take(), line.take()] == [one.id, None]


def test_what_has_changed_since_is_not_taken(line):
    paused, moved = line.add(job()), line.add(job())
    line.jobs[paused.id] = replace(paused, state=State.PAUSED)
    last = line.add(job())
    line.add(replace(moved, priority=-1))
    assert [line.take(), line.take(), line.take()] == [last.id, moved.id, None]


def test_a_service_that_is_busy_holds_up_only_its_own_jobs(line):
    first = line.add(job("https://busy/1", priority=9))
    other = line.add(job("https://idle/1"))
    assert line.take(lambda services: services != ("busy",)) == other.id
    assert line.take(lambda services: services != ("busy",)) is None
    assert line.take() == first.id


def test_planned_jobs(line):
    start = time.time() + 100
    options = {"start_at": iso_time(start)}
    planned = line.add(job(options=options))
    assert line.take() is None
    assert line.schedule.next(start - 50) == pytest.approx(50, abs=0.01)
    assert line.schedule.due(start - 1) == []
    assert line.schedule.due(start + 1) == [planned.id]
    assert line.schedule.due(start + 1) == []
    assert line.schedule.next(start) is None
    line.schedule.ripe(planned)
    assert line.take() == planned.id


def test_a_job_that_has_begun_waits_for_its_time_no_more(line):
    options = {"start_at": iso_time(time.time() + 1000)}
    begun = line.add(job(options=options, started="2026-01-01T00:00:00.000Z"))
    assert line.take() == begun.id


def test_ten_thousand_jobs_cost_little(line):
    for number in range(10_000):
        line.add(job(f"https://h{number % 100}/x"))
    began = time.perf_counter()
    taken = {line.take() for _ in range(1000)}
    assert len(taken) == 1000
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("source", "destination", "options", "services"),
    [
        ("https://a.example:8/x", "folder", {}, ("a.example",)),
        ("https://A.example/x", "sftp://u.example/x", {}, ("a.example", "u.example")),
        ("folder", "s3://bucket/x", {}, ("s3",)),
        ("s3://b/x", "", {"endpoint": "http://127.0.0.1:9000"}, ("127.0.0.1",)),
        ("s3://b/x", "", {"endpoint": "http://[::1"}, ("s3",)),
        ("https://[::1", "", {}, ("https",)),
        ("a", "b", {}, ()),
    ],
)
def test_services(source, destination, options, services):
    assert services_of(job(source, destination, options=options)) == services


def test_connections_are_shared_out_by_host():
    a, b, c = job("https://h/1"), job("https://h/2"), job("https://other/3")
    shared = Allowances(connections=6).shared([a, b, c])
    assert [shared[one.id].connections for one in (a, b, c)] == [3, 3, 6]
    assert Allowances(connections=1).shared([a, b])[a.id].connections == 1
    assert Allowances().shared([a]) == {a.id: NO_LIMITS}


def test_no_more_jobs_of_a_host_than_connections():
    allowances = Allowances(connections=2)
    running = [job("https://h/1"), job("https://h/2")]
    assert allowances.has_room(("h",), running[:1])
    assert not allowances.has_room(("h",), running)
    assert not allowances.has_room(("h", "other"), running)
    assert allowances.has_room(("other",), running)
    assert allowances.has_room((), running)
    assert Allowances().has_room(("h",), running * 100)


def test_bandwidth_follows_the_clock():
    limited = job(options={"bandwidth": "00:00,10"})
    free = job()
    assert Allowances("00:00,100").shared([limited, free]) == {
        limited.id: Allowance(10),
        free.id: Allowance(90),
    }
    assert Allowances("00:00,100").follows_clock([free])
    assert Allowances(100).follows_clock([limited])
    assert not Allowances(100).follows_clock([free])
