"""The database: jobs in pages, the files of their reports, what was removed and delivered."""

from __future__ import annotations

from dataclasses import replace

from jupyter_transfer.spec import Progress, State

from .conftest import job


def test_a_job_comes_back_as_it_was(store):
    saved = job(
        store, progress=Progress(5, 10, 1, 2), verified=True, unverified="x", reason={"code": "x"}
    )
    store.job_save(saved)
    assert store.job_get(saved.id) == saved
    store.job_save(replace(saved, state=State.DONE))
    assert store.job_get(saved.id).state is State.DONE
    assert store.job_get("unknown") is None


def test_pages(store):
    jobs = [job(store, created=f"2026-01-01T00:00:{n:02}Z") for n in range(10)]
    for one in jobs:
        store.job_save(one)
    store.job_save(job(store, owner="other"))
    ids, total = store.jobs_ids("me", None, -1, 3, 2)
    assert ids == [jobs[n].id for n in (7, 6, 5)]
    assert total == 10
    ids, total = store.jobs_ids("me", None, jobs[7].revision, 100, 0)
    assert set(ids) == {jobs[8].id, jobs[9].id}
    assert store.jobs_ids("me", "done", -1, 100, 0) == ([], 0)
    assert {one.id: one for one in store.jobs_get([*ids, "unknown"])} == {
        jobs[n].id: jobs[n] for n in (8, 9)
    }
    assert store.jobs_get([]) == []


def test_old_ones(store):
    jobs = [
        job(store, state=state, finished=finished)
        for state, finished in [
            (State.DONE, "2026-01-01T00:00:00.000Z"),
            (State.FAILED, "2026-01-02T00:00:00.000Z"),
            (State.QUEUED, "2026-01-01T00:00:00.000Z"),  # it is tried again
            (State.CANCELLED, "2026-01-03T00:00:00.000Z"),
            (State.RUNNING, None),
        ]
    ]
    for one in jobs:
        store.job_save(one)
    old = store.jobs_finished("2026-01-03T00:00:00.000Z", 10)
    assert [one.id for one in old] == [jobs[0].id, jobs[1].id]
    assert len(store.jobs_finished("2027", 2)) == 2


def test_removed_jobs_are_remembered(store):
    one = job(store)
    store.job_save(one)
    store.files_save(one.id, [{"path": "a", "state": "done"}])
    before = store.revision
    store.jobs_remove([(one.id, "me", store.next_revision())])
    assert store.job_get(one.id) is None
    assert store.files_list(one.id, None, 10, 0) == ([], 0)
    assert store.jobs_removed("me", before) == [one.id]
    assert store.jobs_removed("other", before) == []


def test_files_failed_first(store):
    one = job(store)
    store.job_save(one)
    error = {"code": "remote_not_found", "message": "Gone."}
    store.files_save(
        one.id,
        [
            {"path": "a", "state": "done", "size": 3, "verified": True, "seconds": 0.5},
            {"path": "m", "state": "done", "unverified": "no_digest"},
            {"path": "z", "state": "failed", "error": error},
        ],
    )
    files, total = store.files_list(one.id, None, 10, 0)
    assert [file["path"] for file in files] == ["z", "a", "m"]
    assert total == 3
    assert files[0]["error"] == error
    assert (files[1]["verified"], files[1]["unverified"]) == (True, None)
    assert (files[2]["verified"], files[2]["unverified"]) == (None, "no_digest")


def test_delivered(store):
    file = {"path": "x", "size": 1, "mtime_ns": 2, "digest": None, "validators": {"etag": '"a"'}}
    store.delivered_save("https://x.org/a", [file])
    store.delivered_save("https://x.org/a", [{**file, "size": 9}])
    assert store.delivered_list("https://x.org/a") == [
        {**file, "size": 9, "source": "https://x.org/a"}
    ]
    assert store.delivered_list("https://x.org/b") == []


def test_delivered_anew(store):
    file = {"path": "x", "size": 1, "mtime_ns": 2, "digest": None, "validators": {"etag": '"a-1"'}}
    store.delivered_save("src", [file])
    found = {"size": 1, "mtime_ns": 2, "digest": "md5:00", "validators": {"etag": '"00"'}}
    others = [{**found, "path": "y"}, {**found, "path": "x", "size": 2}]
    store.delivered_renew("other", [{**found, "path": "x"}])
    store.delivered_renew("src", others)  # what was never delivered is not from now on
    assert store.delivered_list("src") == [{**file, "source": "src"}]
    store.delivered_renew("src", [{**found, "path": "x"}])
    assert store.delivered_list("src") == [{**found, "path": "x", "source": "src"}]
