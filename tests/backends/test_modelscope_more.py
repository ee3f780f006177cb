"""ModelScope: what only that backend has. The hub is the stand-in of the tests."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from jupyter_transfer import secrets
from jupyter_transfer.backends import modelscope_client
from jupyter_transfer.backends.base import Context
from jupyter_transfer.backends.modelscope import ModelScopeBackend
from jupyter_transfer.backends.modelscope_answers import moment_of
from jupyter_transfer.engine.browse import browse
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError

from ..servers.chaos import Resource, noise
from ..servers.modelscope import BRANCH, STRANGER, TOKEN, running_modelscope
from ..servers.worker import WorkerProcess, run_message

DATA, OTHER = noise(1_000_003), noise(1_000_003, seed=2)
LARGE = noise(5_000_011)  # so that it is no small file, which is fetched whole
LARGER = noise(5_000_012, seed=3)


@pytest.fixture(scope="module")
def running():
    with running_modelscope() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    """The hub of the environment, at which nobody has logged in; nothing was asked of it yet."""
    for name in ("MODELSCOPE_API_TOKEN", "MODELSCOPE_DOMAIN", "MODELSCOPE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms-home"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.url)
    running.forget()
    running.faults.clear()
    yield running
    running.flipped, running.cap, running.tells_commit = None, 3000, True


def failed(outcome):
    assert outcome.error is not None
    return outcome.state, outcome.error.code, outcome.error.detail.get("kind")


def asked_for(hub, path):
    """The queries of the requests whose path is like `path`."""
    return [parse_qs(urlsplit(one.path).query) for one in hub.asked if re.search(path, one.path)]


# -- what is fetched --


def test_a_dataset_of_many_pages(hub, harness):
    files = {f"d{n % 7}/f{n}.txt": b"%d" % n for n in range(430)} | {"w.bin": DATA}
    repo = hub.repo(kind="datasets")
    sha = repo.commit({**files, ".gitattributes": b"*"}, BRANCH)
    outcome = harness.run(f"modelscope://datasets/{repo.id}")
    assert (outcome.state, outcome.verified, outcome.error) == ("done", True, None)
    name = repo.id.partition("/")[2]
    assert harness.names() == sorted(f"{name}/{path}" for path in files)
    assert [code for code, _ in harness.report.notes] == ["left_out"]
    assert {row["digest"][:7] for row in harness.report.files} == {"sha256:"}
    pages = asked_for(hub, "/repo/tree")
    assert [(page["Revision"], page["PageNumber"]) for page in pages] == [
        ([BRANCH], ["1"]),
        ([sha], ["2"]),
        ([sha], ["3"]),
    ]


def test_a_model_whose_listing_is_cut(hub, harness, monkeypatch):
    monkeypatch.setattr(modelscope_client, "CAP", 9)
    hub.cap = 9
    files = {f"a{n}/b{m}/f{k}.txt": b"x" for n in range(3) for m in range(3) for k in range(2)}
    repo = hub.repo()
    repo.commit({**files, "top.bin": DATA}, BRANCH)
    outcome = harness.run(f"modelscope://{repo.id}", "out")
    assert (outcome.state, outcome.error, harness.report.notes) == ("done", None, [])
    assert harness.names() == sorted(f"out/{path}" for path in [*files, "top.bin"])
    assert len(harness.report.files) == len(files) + 1
    repo.commit({f"wide/f{n}": b"x" for n in range(12)}, BRANCH)
    outcome = harness.run(f"modelscope://{repo.id}/wide/", "wide", id="wide")
    assert outcome.state == "done"
    assert [code for code, _ in harness.report.notes] == ["limit_reached"]


def test_some_files_of_a_folder_by_its_page(hub, harness):
    repo = hub.repo(kind="datasets")
    repo.commit({"data/a.csv": b"old", "data/b.txt": b"b", "x.csv": b"x"}, "v1.0")
    repo.commit({"data/a.csv": b"new"}, BRANCH)
    page = f"{hub.url}/datasets/{repo.id}/tree/v1.0/data"
    outcome = harness.run(page, "out", include=["*.csv"])
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["out/a.csv"]
    assert (harness.folder / "out/a.csv").read_bytes() == b"old"


@pytest.mark.parametrize("lfs", [True, False])
def test_a_flipped_byte_is_caught(hub, harness, lfs):
    repo = hub.repo()
    repo.commit({"f.bin": DATA, "small.bin": DATA[:500]}, BRANCH, lfs=lfs)
    hub.flipped = 123
    outcome = harness.run(f"modelscope://{repo.id}")
    assert failed(outcome)[:2] == ("failed", "digest_mismatch")
    assert harness.visible() == []
    hub.flipped = None
    assert harness.run(f"modelscope://{repo.id}", id="again").verified is True


# -- one commit --


@pytest.mark.parametrize("one", [True, False], ids=["file", "repository"])
def test_all_files_are_of_the_commit_that_was_planned(hub, harness, one):
    repo = hub.repo()
    repo.commit({"b.bin": DATA[:999]}, BRANCH)
    repo.commit({"a.bin": LARGE}, BRANCH)
    source = f"modelscope://{repo.id}" + ("/a.bin" if one else "")
    harness.control.bandwidth.rate = 3 * len(DATA)

    def look(counts):
        if counts["bytes_done"]:
            repo.commit({"a.bin": OTHER, "b.bin": OTHER[:999]}, BRANCH)
            harness.control.pause()

    harness.report.on_progress = look
    assert harness.run(source, "out/").state == "paused"
    harness.fresh_control()
    outcome = harness.run(source, "out/", delivered=harness.delivered(source))
    assert (outcome.state, outcome.error, harness.report.notes) == ("done", None, [])
    assert (harness.folder / "out/a.bin").read_bytes() == LARGE
    assert one or (harness.folder / "out/b.bin").read_bytes() == DATA[:999]
    # The next job is planned anew.
    assert harness.run(source, "new/", id="next").state == "done"
    assert (harness.folder / "new/a.bin").read_bytes() == OTHER


def test_a_hub_that_does_not_tell_the_commit(hub, harness):
    hub.tells_commit = False
    repo = hub.repo()
    old = repo.commit({"f.bin": LARGE, "g.bin": DATA[:9]}, BRANCH)
    harness.control.bandwidth.rate = len(LARGE)

    def look(counts):
        if counts["bytes_done"] > 100:
            repo.commit({"f.bin": LARGER}, BRANCH)
            harness.control.pause()

    harness.report.on_progress = look
    assert harness.run(f"modelscope://{repo.id}", "out").state == "paused"
    assert {tuple(one["Revision"]) for one in asked_for(hub, "FilePath=")} == {(old,)}
    harness.fresh_control()
    delivered = harness.delivered(f"modelscope://{repo.id}")
    outcome = harness.run(f"modelscope://{repo.id}", "out", delivered=delivered)
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "out/f.bin").read_bytes() == LARGER
    assert "remote_changed" in {code for code, _ in harness.report.notes}


def test_a_forced_push_in_mid_way_is_told_and_never_mixed(hub, harness):
    repo = hub.repo()
    repo.commit({"f.bin": LARGE}, BRANCH)
    harness.control.bandwidth.rate = len(LARGE)

    def push(counts):
        if counts["bytes_done"]:
            repo.commit({"f.bin": OTHER}, BRANCH)
            repo.squash(BRANCH)
            harness.control.pause()

    harness.report.on_progress = push
    assert harness.run(f"modelscope://{repo.id}", "out").state == "paused"
    harness.fresh_control()
    outcome = harness.run(f"modelscope://{repo.id}", "out")
    assert (outcome.state, outcome.verified) == ("done", True)
    assert (harness.folder / "out/f.bin").read_bytes() == OTHER
    assert {code for code, _ in harness.report.notes} == {"remote_changed"}


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_kills_cost_little_and_the_branch_may_move(hub, tmp_path, kills):
    repo = hub.repo(private=True, members={"me"})
    size = 48 << 20  # so that beginning anew each time would cost more than is allowed
    data = noise(size)
    sha = repo.commit({"f.bin": data}, BRANCH)
    folder = tmp_path / "root"
    folder.mkdir()
    state = str(tmp_path / "state")
    more = {"state_dir": state, "secrets": {"token": TOKEN}, "bandwidth": 48 << 20}
    message = run_message(folder, f"modelscope://{repo.id}/f.bin", **more)
    for number in range(kills):
        worker = WorkerProcess(tmp_path)
        worker.send(**message)
        aim = size * (number + 1) // (kills + 1)
        while worker.wait_for("progress")["progress"]["bytes_done"] <= aim:
            pass
        worker.kill()
        repo.commit({"f.bin": OTHER[: number + 1]}, BRANCH)
    worker = WorkerProcess(tmp_path)
    message["job"]["bandwidth"] = None
    worker.send(**message)
    end = worker.wait_for("end")
    worker.kill()
    assert (end["state"], end["verified"]) == ("done", True)
    assert (folder / "f.bin").read_bytes() == data
    assert hub.sent() <= size + kills * (16 << 20)
    assert {tuple(one["Revision"]) for one in asked_for(hub, "FilePath=")} == {(sha,)}
    shown = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN.encode() not in shown


# -- who may enter, and what is wrong --


@pytest.mark.parametrize(
    ("token", "path", "wanted"),
    [
        (None, "", ("waiting", "needs_credentials", "private_repository")),
        ("ms-nobodyHasThisOne0123456789", "", ("waiting", "needs_credentials", "token_refused")),
        (STRANGER, "", ("failed", "remote_not_found", "no_repository")),
        (TOKEN, "@nowhere", ("failed", "remote_not_found", "no_revision")),
        (TOKEN, "/file", ("failed", "remote_not_found", "no_entry")),
        (TOKEN, "/no/file", ("failed", "remote_not_found", "no_entry")),
        (TOKEN, "/no/folder/", ("failed", "remote_not_found", "no_entry")),
    ],
)
@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_what_is_not_there_for_you(hub, harness, kind, token, path, wanted):
    repo = hub.repo(kind=kind, private=True, members={"me"})
    repo.commit({"f.bin": DATA[:100]}, BRANCH)
    source = f"modelscope://{kind}/{repo.id}{path}"
    outcome = harness.run(source, **({"token": token} if token else {}))
    assert failed(outcome) == wanted
    assert token is None or token not in json.dumps(outcome.error.as_dict())
    assert harness.names() == []


def test_a_gated_repository_says_what_to_do(hub, harness):
    repo = hub.repo(gated=True, granted={"me"})
    repo.commit({"f.bin": DATA[:100]}, BRANCH)
    for token, what in (("", "give a token"), (STRANGER, "then resume")):
        outcome = harness.run(f"modelscope://{repo.id}", token=token)
        assert failed(outcome) == ("waiting", "needs_credentials", "gated")
        assert what in outcome.error.remedy
        assert outcome.error.detail["page"] == f"{hub.url}/models/{repo.id}"
    assert harness.run(f"modelscope://{repo.id}", token=TOKEN).state == "done"


def test_a_busy_hub_is_asked_again_or_left_alone_as_long_as_it_says(hub, harness):
    repo = hub.repo()
    repo.commit({"f.bin": DATA[:100], "g.bin": DATA[:100]}, BRANCH)
    hub.fail("/repo/files", 503)
    hub.fail("/repo/files", 429, Retry_After="0")
    hub.fail("FilePath=", 429, Retry_After="0")
    assert harness.run(f"modelscope://{repo.id}", "out").state == "done"
    hub.fail("/repo/files", 429, times=9, Retry_After="77")
    hub.forget()
    outcome = harness.run(f"modelscope://{repo.id}", "more")
    assert failed(outcome)[:2] == ("failed", "remote_busy")
    assert (outcome.error.retryable, outcome.error.retry_after) == (True, 77.0)
    assert len(hub.asked) == 1


def test_the_token_stays_at_the_hub(hub, harness):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA, "g.txt": b"text"}, BRANCH)
    assert harness.run(f"modelscope://{repo.id}", token=TOKEN).state == "done"
    names = ("authorization", "cookie")
    known = {(one.origin, *map(one.headers.get, names)) for one in hub.asked}
    assert known == {
        ("hub", f"Bearer {TOKEN}", f"m_session_id={TOKEN}"),
        ("store", None, None),
    }


def log_in(hub_url, home, token):
    """What the real client keeps of a login."""
    code = (
        "from modelscope_hub.config import HubConfig; from pathlib import Path\n"
        f"HubConfig(endpoint={hub_url!r}, config_dir=Path({str(home)!r})).save_token({token!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_login_of_the_official_client_is_used(hub, harness, monkeypatch, tmp_path):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA[:100]}, BRANCH)
    log_in(hub.url, tmp_path / "ms-home", TOKEN)
    assert harness.run(f"modelscope://{repo.id}").state == "done"
    assert secrets.redact(f"it is {TOKEN}") == "it is ***"
    assert secrets.from_modelscope("https://modelscope.cn") is None  # it was made at another hub
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "")
    assert failed(harness.run(f"modelscope://{repo.id}", "more"))[2] == "private_repository"
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    assert harness.run(f"modelscope://{repo.id}", "more").state == "done"
    hub.forget()
    harness.ambient = False
    assert failed(harness.run(f"modelscope://{repo.id}", "no"))[:2] == (
        "waiting",
        "needs_credentials",
    )
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "https://hub.example")
    harness.ambient = True
    assert harness.run(f"modelscope://{repo.id}", "no", endpoint=hub.url).state == "waiting"
    assert {one.headers.get("authorization") for one in hub.asked} == {None}


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_login_that_is_none_does_nothing(hub, tmp_path):
    log_in(hub.url, tmp_path / "ms-home", TOKEN)
    jar = tmp_path / "ms-home/credentials/cookies"
    assert secrets.from_modelscope(hub.url).token == TOKEN
    good = jar.read_bytes()
    for broken in (
        pickle.dumps(Bomb(str(tmp_path / "burst"))),
        pickle.dumps({"_cookies": 1}),
        good[:-40],
        good + b"x" * (1 << 20),
        b"",
    ):
        jar.write_bytes(broken)
        assert secrets.from_modelscope(hub.url) is None
    assert not (tmp_path / "burst").exists()


@pytest.mark.parametrize(
    ("address", "options", "code"),
    [
        ("modelscope://o/n@v1", {"revision": "v2"}, "bad_request"),
        ("modelscope://datasets/o/n", {"repo_type": "model"}, "bad_request"),
        ("modelscope://o/n", {"repo_type": "space"}, "bad_request"),
        ("modelscope://o/n", {"revision": "a..b"}, "invalid_address"),
        ("modelscope://o/n", {"endpoint": "mirror.example"}, "bad_request"),
        ("modelscope://o/n", {"endpoint": "http://169.254.169.254"}, "address_refused"),
    ],
)
def test_what_is_refused_before_anything_is_asked(hub, address, options, code):
    with pytest.raises(TransferError) as caught:
        ModelScopeBackend(Context(options)).check(address)
    assert caught.value.code == code
    assert hub.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[1, 2",
        b"[]",
        b'{"Data": 7}',
        b'{"Data": {"Files": [1]}}',
        b'{"Data": {"Files": [{}], "LatestCommitter": null}}',
        b'{"Data": {"Files": [], "LatestCommitter": [7]}}',
    ],
)
def test_a_hub_that_talks_nonsense(hub, harness, chaos, body):
    chaos.add("/api/v1/models/o/n/repo/files", Resource(body))
    outcome = harness.run("modelscope://o/n", endpoint=chaos.url)
    assert failed(outcome)[:2] == ("failed", "remote_lied")


def test_a_folder_that_is_said_to_lie_in_itself(hub, harness, chaos, monkeypatch):
    monkeypatch.setattr(modelscope_client, "CAP", 1)
    body = b'{"Data": {"Files": [{"Path": "d", "Type": "tree"}], "LatestCommitter": {"Id": "%s"}}}'
    chaos.add("/api/v1/models/o/n/repo/files", Resource(body % (b"a" * 40)))
    outcome = harness.run("modelscope://o/n", endpoint=chaos.url)
    assert failed(outcome)[:2] == ("failed", "remote_lied")


@pytest.mark.parametrize(
    ("told", "moment"),
    [(86_400, "1970-01-02T00:00:00Z"), (1 << 39, None), (-1, None), ([], None), ("x", "x")],
)
def test_when_a_repository_changed(told, moment):
    assert moment_of(told) == moment


# -- looking --


def test_what_a_look_tells(hub, harness):
    repo = hub.repo(kind="datasets", gated=True, granted={"me"}, card={"license": "apache-2.0"})
    sha = repo.commit({"README.md": b"# x", "sub/a.bin": DATA, ".gitattributes": b"x"}, BRANCH)
    source = f"modelscope://datasets/{repo.id}"
    found = preview(source, harness.context({"token": TOKEN}))
    assert (found["backend"], found["title"]) == ("modelscope", repo.id.partition("/")[2])
    assert (found["files"], found["bytes"]) == (2, 3 + len(DATA))
    assert (found["verifiable"], found["resumable"], found["needs"]) == (True, True, None)
    about = found["about"]
    assert about.pop("changed").startswith("20")
    assert about == {
        "repository": repo.id,
        "repo_type": "dataset",
        "revision": BRANCH,
        "commit": sha,
        "licence": "apache-2.0",
        "gated": True,
        "private": False,
        "page": f"{hub.url}/datasets/{repo.id}",
    }
    refused = preview(source, harness.context({}))
    assert (refused["needs"], refused["detail"]["kind"]) == ("credentials", "gated")
    assert refused["about"]["licence"] == "apache-2.0"
    hidden = hub.repo(private=True, members={"me"}, card={"license": "mit"})
    hidden.commit({"f": b"1"}, BRANCH)
    found = preview(f"modelscope://{hidden.id}", harness.context({"token": TOKEN}))
    assert (found["about"]["private"], found["about"]["licence"]) == (True, "mit")


@pytest.mark.parametrize("status", [403, 200])
def test_a_hub_without_the_documented_interface(hub, harness, status):
    repo = hub.repo(card={"license": "mit"})
    repo.commit({"f.bin": DATA}, BRANCH)
    hub.fail("/openapi/", status)  # 200: a page that says nothing
    found = preview(f"modelscope://{repo.id}", harness.context({}))
    assert (found["about"]["licence"], found["files"]) == ("mit", 1)


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_a_repository_can_be_looked_into(hub, harness, kind):
    repo = hub.repo(kind=kind)
    repo.commit({"app.py": b"1", "assets/x.bin": DATA[:9], "assets/deep/y": b""}, BRANCH)
    top = browse(f"modelscope://{kind}/{repo.id}", harness.context({}))["entries"]
    assert [(one["path"], one["folder"], one["size"]) for one in top] == [
        ("app.py", False, 1),
        ("assets/", True, None),
    ]
    below = browse(top[1]["address"], harness.context({}))["entries"]
    assert {one["path"] for one in below} == {"deep/", "x.bin"}
