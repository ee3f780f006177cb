"""Hugging Face: fetched into the cache of the official client, which is the judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.job import JobRequest, discard
from jupyter_transfer.engine.planning import plan

from ..servers.chaos import noise
from ..servers.huggingface import running_hub

DATA = noise(1_000_003)
FILES = {
    ".gitattributes": b"*.bin filter=lfs",
    "README.md": b"# x",
    "config.json": b"{}",
    "model.bin": DATA,
    "sub dir/copy.bin": DATA,
    "sub dir/数据.json": b"[1]",
}


@pytest.fixture(scope="module")
def running():
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    running.forget()
    yield running
    running.flipped = None


@pytest.fixture
def cache(hub, tmp_path):
    return tmp_path / "hf-home" / "hub"


def asked(code):
    """What the real client prints as JSON, in a process of its own."""
    head = "import json\nimport huggingface_hub as hf\n"
    run = subprocess.run(
        [sys.executable, "-c", head + code],
        check=False,
        env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_the_official_client_finds_it_and_moves_no_byte(hub, harness, cache):
    repo = hub.repo(kind="datasets")
    sha = repo.commit(FILES, "v1")
    outcome = harness.run(f"hf://datasets/{repo.id}@v1", "ignored", target="cache")
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == []
    assert hub.sent() == sum(map(len, FILES.values())) - len(DATA)  # equal bytes move once
    name = f"datasets--{repo.id.replace('/', '--')}"
    rows = {row["path"]: row["state"] for row in harness.report.files}
    assert set(rows) == {f"{name}/snapshots/{sha}/{path}" for path in FILES}
    assert sorted(rows.values()) == ["done"] * 5 + ["present"]
    counts = harness.report.counts[-1]
    assert (counts["files_done"], counts["files_total"]) == (6, 6)
    assert counts["bytes_done"] == counts["bytes_total"] == sum(map(len, FILES.values()))
    hub.forget()
    found = asked(f"""
where = dict(repo_id={repo.id!r}, repo_type="dataset", revision="v1")
folder = hf.snapshot_download(**where, local_files_only=True)
one = hf.try_to_load_from_cache(where["repo_id"], "config.json", repo_type="dataset", revision="v1")
online = hf.snapshot_download(**where)
info = hf.scan_cache_dir()
(repo,) = info.repos
sums = hf.HfApi().verify_repo_checksums(**where)
print(json.dumps([folder, one, online, [str(w) for w in info.warnings], repo.size_on_disk,
    [sorted(r.refs) for r in repo.revisions], sums.checked_count, len(sums.mismatches)]))
""")
    folder, one, online, *rest = found
    assert Path(folder) == Path(online) == cache / name / "snapshots" / sha
    assert one == str(Path(folder) / "config.json")
    assert rest == [[], sum(map(len, FILES.values())) - len(DATA), [["v1"]], 6, 0]
    assert hub.sent() == 0
    for path, data in FILES.items():
        assert (Path(folder) / path).read_bytes() == data
        assert not os.readlink(Path(folder) / path).startswith("/")


def test_what_the_official_client_has_fetched_is_not_fetched_again(hub, harness, cache):
    repo = hub.repo()
    repo.commit(FILES)
    folder = asked(f"print(json.dumps(hf.snapshot_download({repo.id!r})))")
    new = repo.commit({"config.json": b'{"new": 1}'})
    hub.forget()
    outcome = harness.run(f"hf://{repo.id}", target="cache")
    assert (outcome.state, outcome.error) == ("done", None)
    assert hub.sent() == len(b'{"new": 1}')
    there = asked(f"print(json.dumps(hf.snapshot_download({repo.id!r}, local_files_only=True)))")
    assert there == folder.replace(Path(folder).name, new)
    assert (Path(folder) / "config.json").read_bytes() == b"{}"


def test_some_files_by_their_names(hub, harness, cache):
    repo = hub.repo()
    sha = repo.commit(FILES)
    outcome = harness.run(f"hf://{repo.id}", target="cache", include=["*.json"])
    assert (outcome.state, outcome.verified) == ("done", True)
    snapshot = cache / f"models--{repo.id.replace('/', '--')}" / "snapshots" / sha
    found = {p.relative_to(snapshot).as_posix() for p in snapshot.rglob("*") if p.is_symlink()}
    assert found == {"config.json", "sub dir/数据.json"}
    assert harness.run(f"hf://{repo.id}/README.md", id="one", target="cache").state == "done"
    assert (snapshot / "README.md").read_bytes() == b"# x"


def test_a_pause_a_flipped_byte_and_what_is_left(hub, harness, cache):
    repo = hub.repo()
    large = noise(5_000_011)
    repo.commit({"f.bin": large, "g.txt": b"1"})
    harness.control.bandwidth.rate = 2 << 20
    harness.report.on_progress = lambda counts: (
        harness.control.pause() if counts["bytes_done"] > 500_000 else None
    )
    assert harness.run(f"hf://{repo.id}", target="cache").state == "paused"
    blobs = cache / f"models--{repo.id.replace('/', '--')}" / "blobs"
    assert not (blobs.parent / "refs").exists()
    assert not (blobs.parent / "snapshots").exists()
    request = JobRequest("job", f"hf://{repo.id}", "", {"target": "cache"})
    harness.fresh_control()
    hub.flipped = 3_900_000
    outcome = harness.run(f"hf://{repo.id}", target="cache")
    assert (outcome.state, outcome.error.code) == ("failed", "digest_mismatch")
    assert not (blobs.parent / "refs").exists()
    hub.flipped = None
    hub.forget()
    discard(harness.root, request, harness.context({"target": "cache"}))
    assert [path for path in cache.rglob("*.part*") if path.is_file()] == []
    assert harness.run(f"hf://{repo.id}", target="cache").state == "done"
    assert (blobs.parent / "refs/main").read_text() == repo.refs["main"]
    assert not list(cache.rglob(".jupyter-transfer"))


def test_names_that_lead_out_of_a_snapshot_get_none(hub, harness, cache):
    repo = hub.repo()
    sha = repo.commit({"good.txt": b"good", "../../../evil.txt": b"evil", "a/../../x": b"evil"})
    outcome = harness.run(f"hf://{repo.id}", target="cache")
    assert (outcome.state, outcome.error.code) == ("failed", "invalid_path")
    snapshot = cache / f"models--{repo.id.replace('/', '--')}" / "snapshots" / sha
    assert [path.name for path in snapshot.rglob("*")] == ["good.txt"]
    evil = [
        p for p in harness.folder.parent.rglob("*") if p.is_file() and p.read_bytes() == b"evil"
    ]
    assert evil == []


def test_the_plan_knows_what_is_there(hub, harness, cache):
    repo = hub.repo()
    repo.commit(FILES)
    assert harness.run(f"hf://{repo.id}/config.json", target="cache").state == "done"
    options = {"target": "cache"}
    request = JobRequest("plan", f"hf://{repo.id}", "", options)
    found = plan(harness.root, request, harness.context(options), Control())
    assert (found["plan"]["copy"], found["plan"]["skip"], found["plan"]["replace"]) == (4, 2, 0)
    assert "model.bin" in {one["path"] for one in found["entries"]}


def test_offline_the_official_client_knows_whether_it_is_whole(hub, harness, cache):
    """By the list that it leaves itself, which is the same."""
    repo = hub.repo()
    sha = repo.commit({**FILES, "large.bin": noise(5_000_000)}, cas=hub.cas)
    outcome = harness.run(f"hf://{repo.id}", target="cache", include=["*.json"])
    assert (outcome.state, outcome.error) == ("done", None)
    code = f"""
import os
from huggingface_hub import errors
def offline(**where):
    try:
        return hf.snapshot_download({repo.id!r}, local_files_only=True, **where)
    except errors.IncompleteSnapshotError as error:
        return sorted(os.listdir(error.snapshot_path))
print(json.dumps([offline(), offline(allow_patterns="*.json")]))
"""
    lacking, some = asked(code)
    assert lacking == ["config.json", "sub dir"]
    assert Path(some).name == sha
    assert harness.run(f"hf://{repo.id}", target="cache", id="all").state == "done"
    hub.forget()
    assert asked(code) == [some, some]
    assert hub.asked == []
    ours = json.loads((Path(some).parents[1] / f"trees/{sha}.json").read_text())
    theirs = asked(f"""
folder = hf.snapshot_download({repo.id!r}, cache_dir={str(cache.parent / "other")!r})
with open(folder + "/../../trees/{sha}.json") as file:
    print(json.dumps(json.load(file)))
""")
    assert ours == theirs
    assert "xet_hash" in ours["files"]["large.bin"]


# -- a folder, with the notes of the official client --


@pytest.mark.parametrize("path", ["", "/config.json"])
def test_the_official_client_knows_what_lies_in_the_folder(hub, harness, path):
    repo = hub.repo()
    repo.commit({name: data for name, data in FILES.items() if not name.startswith(".")})
    folder = harness.folder / "m"
    outcome = harness.run(f"hf://{repo.id}{path}", "m/" if path else "m", hub_metadata=True)
    assert (outcome.state, outcome.error) == ("done", None)
    list_of_files = folder / f".cache/huggingface/trees/{repo.refs['main']}.json"
    assert list_of_files.exists() == (path == "")
    hub.forget()
    code = f"""
folder = hf.snapshot_download({repo.id!r}, local_dir={str(folder)!r},
    allow_patterns={"config.json" if path else "*"!r})
print(json.dumps(folder))
"""
    assert asked(code) == str(folder)
    assert hub.sent() == 0
    assert [one.path for one in hub.asked if "/resolve/" in one.path] == []
    assert not list(folder.rglob(".jupyter-transfer"))
    (folder / "config.json").write_bytes(b"[]")
    os.utime(folder / "config.json", (2_000_000_000, 2_000_000_000))
    assert asked(code) == str(folder)
    assert (folder / "config.json").read_bytes() == b"{}"


def test_without_being_asked_nothing_is_noted(hub, harness):
    repo = hub.repo()
    repo.commit({"a/config.json": b"{}"})
    assert harness.run(f"hf://{repo.id}", "m").state == "done"
    outcome = harness.run(f"hf://{repo.id}/a/", "n", id="n", hub_metadata=True)
    assert outcome.state == "done"
    assert harness.names() == ["m/a/config.json", "n/config.json"]
    assert [code for code, _ in harness.report.notes] == ["left_out"]
