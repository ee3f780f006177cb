"""ModelScope: fetched into the cache of the official client, which is the judge."""

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
from ..servers.modelscope import BRANCH, running_modelscope

DATA, OTHER = noise(1_000_003), noise(1_000_003, seed=2)
FILES = {
    ".gitattributes": b"*.bin filter=lfs",
    "README.md": b"# x",
    "config.json": b"{}",
    "model.bin": DATA,
    "sub dir/copy.bin": DATA,
    "sub dir/\u6570\u636e.json": b"[1]",
}
WHOLE = sum(map(len, FILES.values()))


@pytest.fixture(scope="module")
def running():
    with running_modelscope() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    for name in ("MODELSCOPE_API_TOKEN", "MODELSCOPE_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms-home"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms-cache"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.url)
    running.forget()
    yield running
    running.flipped = None


@pytest.fixture
def cache(hub, tmp_path):
    return tmp_path / "ms-cache"


def snapshot(cache, repo, revision=BRANCH):
    return cache / repo.kind / repo.id.replace("/", "--") / "snapshots" / revision


def asked(code):
    """What the real client prints as JSON, in a process of its own."""
    head = "import json\nfrom modelscope_hub import HubApi\napi = HubApi()\n"
    run = subprocess.run(
        [sys.executable, "-c", head + code],
        check=False,
        env={**os.environ, "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def held(folder):
    """The files below a folder, by their paths."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_the_official_client_finds_it_and_moves_no_byte(hub, harness, cache, kind):
    repo = hub.repo(kind=kind)
    repo.commit(FILES, "v1.0")
    source = f"modelscope://{kind}/{repo.id}@v1.0"
    outcome = harness.run(source, "ignored", target="cache")
    assert (outcome.state, outcome.verified, outcome.error) == ("done", True, None)
    assert harness.names() == []
    below = snapshot(cache, repo, "v1.0").relative_to(cache).as_posix()
    assert held(cache) == {f"{below}/{path}": text for path, text in FILES.items()}
    assert {row["path"] for row in harness.report.files} == set(held(cache))
    counts = harness.report.counts[-1]
    assert (counts["files_done"], counts["bytes_done"]) == (6, WHOLE)
    hub.forget()
    local, online, scanned = asked(f"""
where = dict(repo_id={repo.id!r}, repo_type={kind[:-1]!r}, revision="v1.0")
print(json.dumps([
    str(api.download_repo(**where, local_files_only=True)), str(api.download_repo(**where)),
    [(one.repo_id, one.revision, one.nb_files) for one in api.scan_cache().repos],
]))
""")
    assert Path(local) == Path(online) == snapshot(cache, repo, "v1.0")
    assert scanned == [[repo.id, "v1.0", 6]]
    assert hub.sent() == 0
    hub.forget()
    assert harness.run(source, id="again", target="cache").state == "done"
    assert hub.sent() == 0


def test_what_the_official_client_has_fetched_is_not_fetched_again(hub, harness, cache):
    repo = hub.repo()
    repo.commit(FILES, BRANCH)
    folder = Path(asked(f"print(json.dumps(str(api.download_repo({repo.id!r}, 'model'))))"))
    repo.commit({"config.json": b"[]"}, BRANCH)  # of the same size
    (folder / "model.bin").write_bytes(OTHER)  # damaged, of the same size
    hub.forget()
    outcome = harness.run(f"modelscope://{repo.id}", target="cache")
    assert (outcome.state, outcome.error) == ("done", None)
    assert hub.sent() == len(DATA) + len(b"[]")
    assert held(folder) == {**FILES, "config.json": b"[]"}


@pytest.mark.parametrize("under", ["", "hub/"])
def test_a_cache_of_older_versions_is_gone_on_with(hub, harness, cache, under):
    repo = hub.repo(f"owner/name-1.5{len(under)}")
    repo.commit(FILES, BRANCH)
    older = cache / f"{under}models/owner/{repo.id.split('/')[1].replace('.', '___')}"
    older.mkdir(parents=True)
    (older / "model.bin").write_bytes(DATA)
    assert harness.run(f"modelscope://{repo.id}", target="cache").state == "done"
    assert held(older) == FILES
    assert hub.sent() == WHOLE - len(DATA)
    hub.forget()
    found = asked(f"print(json.dumps(str(api.download_repo({repo.id!r}, 'model'))))")
    assert (Path(found), hub.sent()) == (older, 0)


def test_some_files_by_their_names(hub, harness, cache):
    repo = hub.repo()
    sha = repo.commit(FILES, BRANCH)
    outcome = harness.run(f"modelscope://{repo.id}", target="cache", include=["*.json"])
    assert (outcome.state, outcome.verified) == ("done", True)
    assert set(held(snapshot(cache, repo))) == {"config.json", "sub dir/\u6570\u636e.json"}
    one = f"modelscope://{repo.id}@{sha}/sub dir/copy.bin"
    assert harness.run(one, id="one", target="cache").state == "done"
    assert held(snapshot(cache, repo, sha)) == {"sub dir/copy.bin": DATA}


def test_a_pause_a_flipped_byte_and_what_is_left(hub, harness, cache):
    repo = hub.repo()
    large = noise(5_000_011)
    repo.commit({"f.bin": large, "g.txt": b"1"}, BRANCH)
    kept = snapshot(cache, repo) / "f.bin"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"the old one")
    harness.control.bandwidth.rate = 2 << 20
    harness.report.on_progress = lambda counts: (
        harness.control.pause() if counts["bytes_done"] > 500_000 else None
    )
    source = f"modelscope://{repo.id}"
    assert harness.run(source, target="cache").state == "paused"
    assert kept.read_bytes() == b"the old one"
    harness.fresh_control()
    hub.flipped = 3_900_000
    outcome = harness.run(source, target="cache")
    assert (outcome.state, outcome.error.code) == ("failed", "digest_mismatch")
    assert kept.read_bytes() == b"the old one"
    hub.flipped = None
    hub.forget()
    request = JobRequest("job", source, "", {"target": "cache"})
    discard(harness.root, request, harness.context({"target": "cache"}))
    assert set(held(snapshot(cache, repo))) == {"f.bin", "g.txt"}
    assert harness.run(source, target="cache").state == "done"
    assert kept.read_bytes() == large
    assert not list(cache.rglob(".jupyter-transfer"))


def test_names_that_lead_out_of_a_snapshot_are_refused(hub, harness, cache):
    repo = hub.repo()
    names = ("../../../evil.txt", "a/../../x", "/abs", "../master/sly.txt")
    repo.commit({"good.txt": b"good", **dict.fromkeys(names, b"evil")}, BRANCH)
    outcome = harness.run(f"modelscope://{repo.id}", target="cache")
    assert (outcome.state, outcome.error.code) == ("failed", "invalid_path")
    assert held(snapshot(cache, repo)) == {"good.txt": b"good"}
    files = [path for path in harness.folder.parent.rglob("*") if path.is_file()]
    assert [path for path in files if path.read_bytes() == b"evil"] == []


def test_the_plan_knows_what_is_there(hub, harness, cache):
    repo = hub.repo()
    repo.commit(FILES, BRANCH)
    assert harness.run(f"modelscope://{repo.id}/config.json", target="cache").state == "done"
    options = {"target": "cache"}
    request = JobRequest("plan", f"modelscope://{repo.id}", "", options)
    found = plan(harness.root, request, harness.context(options), Control())
    assert (found["plan"]["copy"], found["plan"]["skip"], found["plan"]["replace"]) == (5, 1, 0)
