"""Sources that are one folder: what a probe and a plan say, progress, stops, and kills."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from jupyter_transfer.engine.job import JobRequest, discard
from jupyter_transfer.engine.planning import plan
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError

from ..backends.gitsite import git_server, one_git_server, repository  # noqa: F401 - fixtures
from ..servers.git import git


def test_a_probe(harness, repository, git_server):  # noqa: F811
    repository.use_lfs("*.bin")
    repository.commit({"x": b"x"})
    git(repository.work, "branch", "topic")
    git(repository.work, "tag", "v1")
    repository.push("topic", "v1")
    found = preview(repository.address, harness.context({}))
    assert found["backend"] == "git"
    assert found["title"] == repository.name
    assert (found["files"], found["bytes"], found["needs"]) == (None, None, None)
    wanted = {"repository": repository.name, "revision": "main", "kind": "branch"}
    wanted |= {"commit": git(repository.work, "rev-parse", "HEAD")}
    wanted |= {"default": "main", "branches": 2, "tags": 1}
    assert found["about"] == {**wanted, "lfs": True}
    git_server.lfs = False
    found = preview(f"{repository.address}@v1", harness.context({}))
    assert found["about"] == {**wanted, "revision": "v1", "kind": "tag", "lfs": False}


def test_a_probe_of_a_private_one(harness, repository, git_server):  # noqa: F811
    git_server.user, git_server.password = "ann", "canary-4711"
    assert preview(repository.address, harness.context({}))["needs"] == "credentials"
    options = {"username": "ann", "token": "canary-4711"}
    assert preview(repository.address, harness.context(options))["needs"] is None


def planned(harness, source: str, **options):
    request = JobRequest("job", source, "here", options)
    answer = plan(harness.root, request, harness.context(options), harness.control)
    return [(one["action"], one["path"], one.get("error")) for one in answer["entries"]]


def test_a_plan(harness, repository):  # noqa: F811
    assert planned(harness, repository.address) == [("copy", "here", None)]
    assert harness.names() == []
    harness.run(repository.address, "here")
    assert planned(harness, repository.address) == [("replace", "here", None)]
    (harness.folder / "here" / "a.txt").write_bytes(b"mine\n")
    assert planned(harness, repository.address) == [("fail", "here", "conflict")]
    assert planned(harness, repository.address, conflict="rename") == [("copy", "here (1)", None)]
    assert planned(harness, repository.address, conflict="skip") == []


def test_filters_are_refused(harness, repository):  # noqa: F811
    outcome = harness.run(repository.address, "here", include=["*.txt"])
    assert (outcome.state, outcome.error.code) == ("failed", "bad_request")
    with pytest.raises(TransferError):
        planned(harness, repository.address, max_size="1M")


@pytest.mark.parametrize("kind", ["sync", "copy"])
def test_other_kinds_of_jobs_say_why_not(harness, repository, tmp_path, kind):  # noqa: F811
    destination = "here" if kind == "sync" else "sftp://127.0.0.1:1/x"
    outcome = harness.run(repository.address, destination, kind=kind)
    assert outcome.state == "failed"
    assert outcome.error.code in ("bad_request", "connect_failed")


def test_progress_goes_forward_to_the_end(harness, repository, git_server):  # noqa: F811
    repository.commit({f"f{n}": os.urandom(200_000) for n in range(10)})
    git_server.rate = 600_000
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    counts = [(c["bytes_done"], c["bytes_total"]) for c in harness.report.counts]
    fractions = [done / total for done, total in counts if total]
    assert len(set(fractions)) > 3, "it shows that something happens"
    assert fractions[-1] == 1.0
    assert all(0 <= one <= 1 for one in fractions)
    assert harness.report.counts[-1]["bytes_done"] > 1 << 20


def children_of(pid: int) -> set[int]:
    """The processes below `pid`."""
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found |= {int(entry.name), *children_of(int(entry.name))}
    return found


@pytest.mark.parametrize("how", ["cancel", "pause"])
def test_a_stop_ends_git_at_once(harness, repository, git_server, how):  # noqa: F811
    repository.commit({"big": os.urandom(2 << 20)})
    git_server.rate = 200_000
    asked: list[float] = []

    def stop(counts):
        if counts["bytes_moved"] and not asked:
            asked.append(time.monotonic())
            getattr(harness.control, how)()

    harness.report.on_progress = stop
    outcome = harness.run(repository.address, "here")
    assert asked
    assert time.monotonic() - asked[0] < 1.0
    assert outcome.state == ("cancelled" if how == "cancel" else "paused")
    mine = [pid for pid in children_of(os.getpid()) if b"remote-http" in cmdline(pid)]
    assert mine == []
    assert harness.names() == []
    git_server.rate = None
    harness.fresh_control()
    assert harness.run(repository.address, "here").state == "done"


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("how", ["cancel", "pause"])
def test_a_stop_among_objects(harness, repository, git_server, how):  # noqa: F811
    data = os.urandom(6 << 20)
    repository.use_lfs("*.bin")
    repository.commit({"big.bin": data})
    git_server.rate = 4 << 20

    def stop(counts):
        if counts["bytes_done"] > 1 << 20:
            getattr(harness.control, how)()

    harness.report.on_progress = stop
    outcome = harness.run(repository.address, "here")
    assert outcome.state == ("cancelled" if how == "cancel" else "paused")
    assert harness.visible() == []
    if how == "cancel":
        assert harness.names() == []
        return
    harness.fresh_control()
    git_server.requests.clear()
    git_server.rate = None
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "here" / "big.bin").read_bytes() == data
    again = sum(one.sent for one in git_server.requests if len(one.path) == 65)
    assert again < len(data) - (512 << 10)
    assert git_server.asked("git-upload-pack") == git_server.asked("info/refs")


def test_what_a_paused_job_left_is_discarded(harness, repository, git_server):  # noqa: F811
    repository.use_lfs("*.bin")
    data = os.urandom(50_000)
    repository.commit({"big.bin": data})
    git_server.flip.add(hashlib.sha256(data).hexdigest())
    assert harness.run(repository.address, "here").state == "failed"
    assert harness.names()
    discard(harness.root, JobRequest("job", repository.address, "here"), harness.context({}))
    assert harness.names() == []
    assert list(harness.folder.iterdir()) == []
