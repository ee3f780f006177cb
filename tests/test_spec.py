"""Jobs as data: what a request may say, which steps a job may take."""

from __future__ import annotations

import json

import pytest

from jupyter_transfer.errors import CODES, TransferError, from_os_error
from jupyter_transfer.spec import TRANSITIONS, Job, JobSpec, State


def test_a_request():
    body = {"source": " https://x.org/a ", "destination": "data/", "options": {"bandwidth": "5M"}}
    spec = JobSpec.from_request(body)
    assert spec == JobSpec("fetch", "https://x.org/a", "data/", {"bandwidth": 5 * 2**20}, 0)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        {"source": ""},
        {"source": 5},
        {"source": "x" * 9000},
        {"source": "https://x\0y"},
        {"source": "x", "destination": None},
        {"source": "x", "kind": "steal"},
        {"source": "x", "kind": ["fetch"]},
        {"source": "x", "options": []},
        {"source": "x", "options": {"bandwidth": "fast"}},
        {"source": "x", "options": {"bandwidth": -1}},
        {"source": "x", "priority": "high"},
        {"source": "x", "priority": True},
        {"source": "x", "priority": 10**9},
        {"source": "x", "unknown": 1},
    ],
)
def test_bad_requests(body):
    with pytest.raises(TransferError) as caught:
        JobSpec.from_request(body)
    assert caught.value.code == "bad_request"


def test_only_the_steps_of_the_contract():
    job = Job.new(JobSpec("fetch", "https://x.org/a", ""), "me")
    for state, following in TRANSITIONS.items():
        for other in State:
            at = Job(**{**job.__dict__, "state": state})
            if other in following or other is state:
                assert at.moved(other).state is other
            else:
                with pytest.raises(TransferError) as caught:
                    at.moved(other)
                assert caught.value.code == "conflict"


def test_a_job_is_json():
    job = Job.new(JobSpec("fetch", "https://x.org/a", "data"), "me")
    value = json.loads(json.dumps(job.as_dict()))
    contract = (
        "id kind source destination state priority reason progress verified unverified owner"
        " created"
    )
    assert set(contract.split()) | {"started", "finished", "revision"} <= set(value)
    assert set(value["progress"]) == {
        "bytes_done", "bytes_total", "files_done", "files_total", "files_failed", "rate", "eta"
    }  # fmt: skip
    assert len(job.id) == 32
    assert value["created"].endswith("Z")


def test_errors_survive_a_pipe():
    error = TransferError("disk_full", "Full.", detail={"free": 0}, retry_after=2)
    again = TransferError.from_dict({**error.as_dict(), "retry_after": 2})
    assert again.as_dict() == error.as_dict()
    assert again.retry_after == 2
    assert TransferError.from_dict({"code": "from the future"}).code == "internal"


def test_every_code_has_a_remedy_and_a_status():
    for code, known in CODES.items():
        assert known.remedy.endswith("."), code
        assert 400 <= known.status < 600, code


def test_errors_of_the_system_name_no_absolute_path():
    error = from_os_error(OSError(28, "No space left", "/home/me/x"), "data/x")
    assert error.code == "disk_full"
    assert "/home" not in error.message
    assert from_os_error(OSError(9999, "?")).code == "io_error"
