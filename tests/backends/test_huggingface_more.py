"""Hugging Face: what only that backend has. The hub is the stand-in of the tests."""

from __future__ import annotations

import json
import re

import pytest

from jupyter_transfer import secrets
from jupyter_transfer.backends.base import Context
from jupyter_transfer.backends.huggingface import HuggingFaceBackend
from jupyter_transfer.engine.browse import browse
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError

from ..servers.chaos import noise
from ..servers.hubrepos import git_blob_sha1
from ..servers.huggingface import STRANGER, TOKEN, running_hub
from ..servers.webdav import running_webdav
from ..servers.worker import WorkerProcess, run_message

DATA, OTHER = noise(1_000_003), noise(1_000_003, seed=2)


@pytest.fixture(scope="module")
def running():
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    """The hub of the environment, at which nobody has logged in; nothing was asked of it yet."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    running.forget()
    running.faults.clear()
    yield running
    running.renamed.clear()
    running.page, running.flipped, running.resolve_cache = 1000, None, False


def failed(outcome):
    assert outcome.error is not None
    return outcome.state, outcome.error.code, outcome.error.detail.get("kind")


# -- what is fetched --


def test_a_whole_repository_of_many_pages(hub, harness):
    files = {f"d{n % 7}/f{n}.txt": noise(n, seed=n) for n in range(50)} | {"w.bin": DATA}
    repo = hub.repo()
    repo.commit({**files, ".gitattributes": b"*", "d0/.hidden": b"*"})
    hub.page, hub.resolve_cache = 10, True
    outcome = harness.run(f"hf://{repo.id}")
    assert (outcome.state, outcome.verified, outcome.error) == ("done", True, None)
    name = repo.id.partition("/")[2]
    assert harness.names() == sorted(f"{name}/{path}" for path in files)
    for path, content in files.items():
        assert (harness.folder / name / path).read_bytes() == content
    assert [code for code, _ in harness.report.notes] == ["left_out"]
    digests = {row["path"]: row["digest"] for row in harness.report.files}
    text = f"{name}/d1/f8.txt"
    assert digests[text] == f"git-blob-sha1:{git_blob_sha1(files['d1/f8.txt'])}"
    assert digests[f"{name}/w.bin"].startswith("sha256:")
    listings = [one for one in hub.asked if "/tree/" in one.path]
    assert len(listings) == 6


def test_some_files_of_a_folder_of_a_dataset_at_a_tag(hub, harness):
    repo = hub.repo(kind="datasets")
    old = repo.commit({"data/a.csv": b"old", "data/b.txt": b"b", "x.csv": b"x"}, "v1.0")
    repo.commit({"data/a.csv": b"new"})
    page = f"{hub.url}/datasets/{repo.id}/tree/v1.0/data"
    outcome = harness.run(page, "out", include=["*.csv"])
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["out/a.csv"]
    assert (harness.folder / "out/a.csv").read_bytes() == b"old"
    assert any(f"/resolve/{old}/" in one.path for one in hub.asked)


@pytest.mark.parametrize("lfs", [True, False])
def test_a_flipped_byte_is_caught(hub, harness, lfs):
    repo = hub.repo()
    repo.commit({"f.bin": DATA, "small.bin": DATA[:500]}, lfs=lfs)
    hub.flipped = 123
    outcome = harness.run(f"hf://{repo.id}")
    assert failed(outcome)[:2] == ("failed", "digest_mismatch")
    assert harness.visible() == []
    assert {row["error"]["code"] for row in harness.report.files} == {"digest_mismatch"}
    hub.flipped = None
    assert harness.run(f"hf://{repo.id}", id="again").verified is True


def test_a_repository_that_was_renamed(hub, harness):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA, "g.txt": b"g"})
    old = repo.id.replace("owner/", "owner/old-")
    hub.renamed[old] = repo.id
    outcome = harness.run(f"hf://{old}", "out", token=TOKEN)
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "out/f.bin").read_bytes() == DATA
    assert harness.run(f"hf://{old}/g.txt", "one.txt", id="one", token=TOKEN).state == "done"


def test_a_folder_is_made_equal_to_a_revision(hub, harness):
    repo = hub.repo()
    repo.commit({"same.txt": b"same", "new.bin": DATA, "old.txt": b"new text"})
    (harness.folder / "m").mkdir()
    for name, text in {"same.txt": b"same", "old.txt": b"old text", "extra": b"x"}.items():
        (harness.folder / "m" / name).write_bytes(text)
    options = {"compare": "checksum", "approve": True}
    outcome = harness.run(f"hf://{repo.id}", "m", kind="sync", **options)
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["m/new.bin", "m/old.txt", "m/same.txt"]
    assert (harness.folder / "m/old.txt").read_bytes() == b"new text"
    assert hub.sent() == len(DATA) + len(b"new text")


def test_copied_to_another_service_without_landing_here(hub, harness, tmp_path):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA, "s/g.txt": b"g", ".gitattributes": b"*"})
    with running_webdav(tmp_path / "dav") as dav:
        outcome = harness.run(f"hf://{repo.id}", f"{dav.url}/d/", kind="copy", token=TOKEN)
        assert (outcome.state, outcome.error) == ("done", None)
        assert dav.names() == ["d/.gitattributes", "d/f.bin", "d/s/g.txt"]
        assert (dav.files / "d/f.bin").read_bytes() == DATA
    assert harness.names() == []


# -- one commit --


def test_all_files_are_of_the_commit_that_was_planned(hub, harness):
    repo = hub.repo()
    large = noise(5_000_011)
    repo.commit({"a.bin": large, "b.bin": DATA[:999], "c.bin": DATA[:70_000]})
    harness.control.bandwidth.rate = 3 * len(DATA)
    seen = []

    def look(counts):
        if counts["bytes_done"] and not seen:
            seen.append(repo.commit({"a.bin": OTHER, "b.bin": OTHER[:999], "c.bin": None}))
            harness.control.pause()

    harness.report.on_progress = look
    assert harness.run(f"hf://{repo.id}", "out").state == "paused"
    harness.fresh_control()
    delivered = harness.delivered(f"hf://{repo.id}")
    outcome = harness.run(f"hf://{repo.id}", "out", delivered=delivered)
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "out/a.bin").read_bytes() == large
    assert (harness.folder / "out/b.bin").read_bytes() == DATA[:999]
    assert harness.report.notes == []
    # The next job is planned anew.
    assert harness.run(f"hf://{repo.id}", "new", id="next").state == "done"
    assert (harness.folder / "new/a.bin").read_bytes() == OTHER
    assert not (harness.folder / "new/c.bin").exists()
    assert list((harness.folder.parent / "state/jobs").glob("*.pin")) == []


def test_a_forced_push_in_mid_way_is_told_and_never_mixed(hub, harness):
    repo = hub.repo()
    repo.commit({"f.bin": DATA})
    harness.control.bandwidth.rate = len(DATA)

    def push(counts):
        if counts["bytes_done"]:
            repo.commit({"f.bin": OTHER})
            repo.squash()
            harness.control.pause()

    harness.report.on_progress = push
    assert harness.run(f"hf://{repo.id}/f.bin").state == "paused"
    harness.fresh_control()
    outcome = harness.run(f"hf://{repo.id}/f.bin")
    assert (outcome.state, outcome.verified) == ("done", True)
    assert (harness.folder / "f.bin").read_bytes() == OTHER
    assert {code for code, _ in harness.report.notes} == {"remote_changed"}


def test_a_repository_that_is_deleted_in_mid_way(hub, harness):
    repo = hub.repo()
    repo.commit({"f.bin": DATA})
    harness.control.bandwidth.rate = len(DATA)

    def delete(counts):
        if counts["bytes_done"]:
            hub.repos.pop(("models", repo.id), None)
            harness.control.pause()

    harness.report.on_progress = delete
    assert harness.run(f"hf://{repo.id}/f.bin", token=TOKEN).state == "paused"
    harness.fresh_control()
    outcome = harness.run(f"hf://{repo.id}/f.bin", token=TOKEN)
    assert failed(outcome) == ("failed", "remote_not_found", "no_repository")
    assert harness.visible() == []


def test_a_store_that_fails_in_passing(hub, harness):
    repo = hub.repo()
    repo.commit({"f.bin": DATA})
    hub.fail("^/[0-9a-f]{64}", 503, times=2)
    outcome = harness.run(f"hf://{repo.id}/f.bin")
    assert (outcome.state, outcome.verified) == ("done", True)
    assert (harness.folder / "f.bin").read_bytes() == DATA


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_kills_cost_little_and_the_branch_may_move(hub, tmp_path, kills):
    repo = hub.repo(private=True, members={"me"})
    size = 64 << 20  # so that beginning anew each time would cost more than is allowed
    data = noise(size)
    sha = repo.commit({"f.bin": data})
    folder = tmp_path / "root"
    folder.mkdir()
    state = str(tmp_path / "state")
    more = {"state_dir": state, "secrets": {"token": TOKEN}, "bandwidth": 48 << 20}
    message = run_message(folder, f"hf://{repo.id}/f.bin", **more)
    for number in range(kills):
        worker = WorkerProcess(tmp_path)
        worker.send(**message)
        while _bytes(worker.wait_for("progress")) <= size * (number + 1) // (kills + 2):
            pass
        worker.kill()
        repo.commit({"f.bin": OTHER[: number + 1]})
    worker = WorkerProcess(tmp_path)
    message["job"]["bandwidth"] = None
    worker.send(**message)
    end = worker.wait_for("end")
    worker.kill()
    assert (end["state"], end["verified"]) == ("done", True)
    assert (folder / "f.bin").read_bytes() == data
    assert hub.sent() <= size + kills * (16 << 20)
    assert {m[1] for one in hub.asked if (m := re.search("/resolve/([^/]+)/", one.path))} == {sha}
    shown = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN.encode() not in shown


def _bytes(event):
    return event["progress"]["bytes_done"]


# -- who may enter, and what is wrong --


def test_a_gated_repository_says_what_to_do(hub, harness):
    repo = hub.repo(gated="manual", granted={"me"})
    repo.commit({"f.bin": DATA[:100]})
    page = f"{hub.url}/{repo.id}"
    outcome = harness.run(f"hf://{repo.id}")
    assert failed(outcome) == ("waiting", "needs_credentials", "gated")
    assert f"Accept its terms at {page}, then give a token" in outcome.error.remedy
    outcome = harness.run(f"hf://{repo.id}", token=STRANGER)
    assert failed(outcome) == ("waiting", "needs_credentials", "gated")
    assert f"Accept its terms at {page}, then resume" in outcome.error.remedy
    assert outcome.error.detail["page"] == page
    repo.granted.add("stranger")
    assert harness.run(f"hf://{repo.id}", token=STRANGER).state == "done"


@pytest.mark.parametrize(
    ("token", "path", "wanted"),
    [
        (None, "", ("waiting", "needs_credentials", "private_repository")),
        ("hf_nobodyHasThisOne0123456789", "", ("waiting", "needs_credentials", "token_refused")),
        (STRANGER, "", ("failed", "remote_not_found", "no_repository")),
        (TOKEN, "@nowhere", ("failed", "remote_not_found", "no_revision")),
        (TOKEN, "/no/file", ("failed", "remote_not_found", "no_entry")),
        (TOKEN, "/no/folder/", ("failed", "remote_not_found", "no_entry")),
    ],
)
def test_what_is_not_there_for_you(hub, harness, token, path, wanted):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA[:100]})
    outcome = harness.run(f"hf://{repo.id}{path}", **({"token": token} if token else {}))
    assert failed(outcome) == wanted
    assert token is None or token not in json.dumps(outcome.error.as_dict())
    assert harness.names() == []


def test_a_busy_hub_is_asked_again_or_left_alone_as_long_as_it_says(hub, harness):
    repo = hub.repo()
    repo.commit({"f.bin": DATA[:100], "g.bin": DATA[:100]})
    hub.fail("expand=", 503)
    hub.fail("/tree/", 429, RateLimit='"api";r=0;t=0')
    hub.fail("/resolve/", 429, RateLimit='"resolvers";r=0;t=0')
    assert harness.run(f"hf://{repo.id}", "out").state == "done"
    hub.fail("expand=", 429, times=9, RateLimit='"api";r=0;t=77')
    hub.forget()
    outcome = harness.run(f"hf://{repo.id}", "more")
    assert failed(outcome)[:2] == ("failed", "remote_busy")
    assert (outcome.error.retryable, outcome.error.retry_after) == (True, 77.0)
    assert len(hub.asked) == 1


def test_the_token_stays_at_the_hub(hub, harness):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA, "g.txt": b"text"})
    hub.resolve_cache = True
    assert harness.run(f"hf://{repo.id}", token=TOKEN).state == "done"
    known = {(one.origin, one.headers.get("authorization")) for one in hub.asked}
    assert known == {("hub", f"Bearer {TOKEN}"), ("store", None)}


@pytest.mark.parametrize("where", ["variable", "file", "home"])
def test_the_login_of_the_official_client_is_used(hub, harness, monkeypatch, tmp_path, where):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA[:100]})
    if where == "variable":
        monkeypatch.setenv("HF_TOKEN", TOKEN)
    else:
        path = tmp_path / ("hf-home/token" if where == "home" else "elsewhere")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{TOKEN}\n")
        if where == "file":
            monkeypatch.setenv("HF_TOKEN_PATH", str(path))
    assert harness.run(f"hf://{repo.id}").state == "done"
    assert secrets.redact(f"it is {TOKEN}") == "it is ***"
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    assert failed(harness.run(f"hf://{repo.id}", "more"))[2] == "private_repository"


def test_whom_the_login_is_not_for(hub, harness, monkeypatch):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA[:100]})
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    harness.ambient = False
    assert failed(harness.run(f"hf://{repo.id}"))[:2] == ("waiting", "needs_credentials")
    assert {one.headers.get("authorization") for one in hub.asked} == {None}
    assert harness.run(f"hf://{repo.id}", token=TOKEN).state == "done"
    gated = hub.repo(gated="manual")
    gated.commit({"f.bin": DATA[:100]})
    found = preview(f"hf://{gated.id}", harness.context({}))
    assert (found["needs"], found["detail"]["kind"]) == ("credentials", "gated")


def test_a_hub_that_a_job_names_gets_no_token_of_the_environment(hub, harness, monkeypatch):
    repo = hub.repo()
    repo.commit({"f.bin": DATA[:100]})
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    assert harness.run(f"hf://{repo.id}", endpoint=hub.url).state == "done"
    assert {one.headers.get("authorization") for one in hub.asked} == {None}


@pytest.mark.parametrize(
    ("address", "options", "code"),
    [
        ("hf://o/n@v1", {"revision": "v2"}, "bad_request"),
        ("hf://datasets/o/n", {"repo_type": "model"}, "bad_request"),
        ("hf://o/n", {"repo_type": "kernel"}, "bad_request"),
        ("hf://o/n", {"revision": "a..b"}, "invalid_address"),
        ("hf://o/n", {"endpoint": "mirror.example"}, "bad_request"),
        ("hf://o/n", {"endpoint": "http://169.254.169.254"}, "address_refused"),
        ("hf://o/n m", {}, "invalid_address"),
    ],
)
def test_what_is_refused_before_anything_is_asked(hub, address, options, code):
    with pytest.raises(TransferError) as caught:
        HuggingFaceBackend(Context(options)).check(address)
    assert caught.value.code == code
    assert hub.asked == []


def test_a_hub_that_talks_nonsense(hub, harness, chaos):
    from ..servers.chaos import Resource

    chaos.add("/api/models/o/n/revision/main", Resource(b"<html>"))
    chaos.add("/api/models/o/n", Resource(b"[1, 2"))
    outcome = harness.run("hf://o/n", endpoint=chaos.url)
    assert failed(outcome)[:2] == ("failed", "remote_lied")


# -- looking --


def test_what_a_look_tells(hub, harness):
    repo = hub.repo(kind="datasets", gated="auto", granted={"me"}, card={"license": "apache-2.0"})
    sha = repo.commit({"README.md": b"# x", "sub/a.bin": DATA, ".gitattributes": b"x"})
    found = preview(f"hf://datasets/{repo.id}", harness.context({"token": TOKEN}))
    assert (found["backend"], found["title"]) == ("huggingface", repo.id.partition("/")[2])
    assert (found["files"], found["bytes"]) == (2, 3 + len(DATA))
    assert (found["verifiable"], found["resumable"], found["needs"]) == (True, True, None)
    about = found["about"]
    assert about.pop("changed").startswith("20")
    assert about == {
        "repository": repo.id,
        "repo_type": "dataset",
        "revision": "main",
        "commit": sha,
        "licence": "apache-2.0",
        "gated": True,
        "private": False,
        "page": f"{hub.url}/datasets/{repo.id}",
    }
    refused = preview(f"hf://datasets/{repo.id}", harness.context({}))
    assert (refused["needs"], refused["detail"]["kind"]) == ("credentials", "gated")
    assert refused["about"]["licence"] == "apache-2.0"


def test_a_space_can_be_looked_into(hub, harness):
    repo = hub.repo(kind="spaces", card={"license": "mit"})
    repo.commit({"app.py": b"1", "assets/x.bin": DATA[:9], "assets/deep/y": b""})
    address = f"hf://spaces/{repo.id}"
    top = browse(address, harness.context({}))["entries"]
    assert [(one["path"], one["folder"], one["size"]) for one in top] == [
        ("app.py", False, 1),
        ("assets/", True, None),
    ]
    below = browse(top[1]["address"], harness.context({}))["entries"]
    assert {one["path"] for one in below} == {"deep/", "x.bin"}
    assert preview(address, harness.context({}))["about"]["gated"] is False
