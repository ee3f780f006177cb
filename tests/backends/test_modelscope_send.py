"""ModelScope: files that are sent become one commit. The hub is the stand-in of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_transfer.backends import modelscope_branch, modelscope_client, modelscope_commit
from jupyter_transfer.backends.modelscope import ModelScopeBackend
from jupyter_transfer.backends.modelscope_sink import is_stored

from ..servers.chaos import noise
from ..servers.modelscope import BRANCH, READER, STRANGER, TOKEN, running_modelscope
from ..servers.worker import WorkerProcess, run_message

DATA, OTHER = noise(300_003), noise(300_003, seed=2)
FILES = {"README.md": b"# x\n", "model.bin": DATA, "sub dir/\u6570#%.json": b"[1]", "empty": b""}


@pytest.fixture(scope="module")
def running():
    with running_modelscope() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    for name in ("MODELSCOPE_API_TOKEN", "MODELSCOPE_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms-home"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.url)
    running.faults.clear()
    running.store.clear()
    running.forget()
    yield running
    running.elsewhere, running.forgetful, running.races = False, 0, 0
    running.lost_answers, running.tells_commit = 0, True


@pytest.fixture(params=["models", "datasets"])
def repo(hub, request):
    """An own repository as the hub makes it."""
    repo = hub.repo(kind=request.param, members={"me"})
    repo.commit({".gitattributes": b"*.bin filter=lfs\n"}, BRANCH)
    return repo


@pytest.fixture
def model(hub):
    repo = hub.repo(members={"me"})
    repo.commit({".gitattributes": b"*.bin filter=lfs\n"}, BRANCH)
    return repo


def address(repo, path=""):
    return f"modelscope://{'' if repo.kind == 'models' else 'datasets/'}{repo.id}{path}"


@pytest.fixture
def send(hub, harness):
    """Send the folder ``d``, or what is named, to a repository."""

    def send(repo, source="d", path="", *, token=TOKEN, id="job", **more):
        harness.report.files.clear()
        given = {"token": token} if token else {}
        where = repo if isinstance(repo, str) else address(repo, path)
        return harness.run(source, where, id=id, kind=more.pop("kind", "send"), **given, **more)

    return send


def write(harness, files, folder="d"):
    for name, data in files.items():
        path = harness.folder / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def tree(repo):
    """What the branch holds, without what was there first."""
    there = repo.commits[repo.refs[BRANCH]]
    return {path: blob.data for path, blob in there.items() if path != ".gitattributes"}


def failed(outcome):
    assert outcome.error is not None
    return outcome.state, outcome.error.code, outcome.error.detail.get("kind")


def commits(hub):
    """Commits that arrived."""
    return [one for one in hub.asked if "/commit/" in one.path and one.status == 200]


# -- one commit --


def test_a_folder_becomes_one_commit_and_the_real_client_fetches_it(
    hub, repo, harness, send, tmp_path
):
    write(harness, {**FILES, ".ms_upload_cache": b"x", "large.txt": noise(70_000)})
    seen = []
    hub.before_commit = lambda: seen.append(tree(repo))
    outcome = send(repo, commit_message="A first one")
    assert (outcome.state, outcome.error, outcome.verified) == ("done", None, True)
    assert seen == [{}]
    sent = {**FILES, "large.txt": noise(70_000)}
    assert tree(repo) == sent
    assert repo.messages == {repo.refs[BRANCH]: "A first one"}
    assert len(commits(hub)) == 1
    there = repo.commits[repo.refs[BRANCH]]
    assert {path for path, blob in there.items() if blob.lfs} == {"model.bin", "large.txt"}
    assert hub.received() == len(DATA) + 70_000
    rows = {row["address"]: row for row in harness.report.files}
    model = rows[address(repo, "/model.bin")]
    assert (model["state"], model["verified"]) == ("done", True)
    assert {row["digest"][:7] for row in rows.values() if row["state"] == "done"} == {"sha256:"}
    code = (
        "import json; from modelscope_hub import HubApi\n"
        f"path = HubApi().download_repo({repo.id!r}, {repo.kind[:-1]!r}, local_dir='out')\n"
    )
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    out = tmp_path / "out"
    found = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert found == {**sent, ".gitattributes": b"*.bin filter=lfs\n"}


def test_what_is_there_already_is_not_sent(hub, model, harness, send):
    write(harness, FILES)
    model.commit({"p/model.bin": DATA, "p/README.md": b"# x\n"}, BRANCH)
    assert send(model, path="/p/").state == "done"
    states = {row["path"]: row["state"] for row in harness.report.files}
    assert states["d/model.bin"] == states["d/README.md"] == "present"
    assert states["d/empty"] == "done"
    assert hub.received() == 0
    head = model.refs[BRANCH]
    assert send(model, path="/p/", id="again").verified is True
    assert model.refs[BRANCH] == head
    # Nor what the store has of another repository.
    write(harness, {"d2/f.bin": OTHER}, "")
    other = hub.repo(members={"me"})
    other.commit({"f.bin": OTHER}, BRANCH)
    hub.signed(other.commits[other.refs[BRANCH]]["f.bin"], "f.bin")
    assert send(model, "d2", "/q/", id="q").state == "done"
    assert tree(model)["q/f.bin"] == OTHER
    assert hub.received() == 0


def test_if_one_file_may_not_go_none_does(model, harness, send):
    write(harness, FILES)
    model.commit({"README.md": b"theirs"}, BRANCH)
    assert failed(send(model))[:2] == ("failed", "exists")
    assert tree(model) == {"README.md": b"theirs"}
    codes = {row["path"]: row["error"]["code"] for row in harness.report.files}
    assert codes.pop("d/README.md") == "exists"
    assert set(codes.values()) == {"cancelled"}
    assert send(model, id="skip", conflict="skip").state == "done"
    assert tree(model) == {**FILES, "README.md": b"theirs"}
    assert send(model, id="over", conflict="overwrite").state == "done"
    assert tree(model) == FILES


def test_more_files_than_one_commit_holds(hub, model, harness, send, monkeypatch):
    monkeypatch.setattr(ModelScopeBackend, "most_files", 5)
    monkeypatch.setattr(modelscope_branch, "ASKED_AT_ONCE", 2)
    monkeypatch.setattr(modelscope_client, "FOLDERS_AT_ONCE", 2)
    files = {f"{n % 4}/{n}.{'bin' if n % 2 else 'txt'}": b"%d" % n for n in range(13)}
    write(harness, files)
    assert send(model).state == "done"
    assert tree(model) == files
    assert len(commits(hub)) == 3
    assert [code for code, _ in harness.report.notes] == ["several_commits"]


def test_a_folder_of_the_repository_is_made_equal(hub, model, harness, send, monkeypatch):
    monkeypatch.setattr(modelscope_commit, "MOST", 2)
    model.commit({"p/old.txt": b"1", "p/x/older.bin": DATA, "p/same": b"s", "q": b"q"}, BRANCH)
    write(harness, {"same": b"s", "new.bin": OTHER, "new.txt": b"n"})
    assert send(model, path="/p/", kind="sync").state == "waiting"
    assert send(model, path="/p/", kind="sync", approve=True, compare="checksum").state == "done"
    assert tree(model) == {"p/same": b"s", "p/new.bin": OTHER, "p/new.txt": b"n", "q": b"q"}


def test_what_the_hub_reads_itself_is_not_stored():
    assert is_stored("model", "a/f.bin", 1)
    assert is_stored("dataset", "a/f.JPG", 1)
    assert is_stored("model", "text.txt", (64 << 10) + 1)
    assert not is_stored("model", "a/f.jpg", 100)
    assert not is_stored("model", "text.txt", 64 << 10)
    assert not is_stored("model", "sub/README.md", 1 << 20)
    assert not is_stored("model", "empty.bin", 0)
    assert not is_stored("model", ".bin", 1)


# -- others write, too, and things go wrong --


def test_a_race_and_a_lost_answer_make_one_commit(hub, model, harness, send):
    write(harness, FILES)
    hub.races, hub.lost_answers = 1, 1
    hub.before_commit = lambda: model.commit({"theirs.txt": b"t"}, BRANCH)
    assert send(model).verified is True
    assert tree(model) == {**FILES, "theirs.txt": b"t"}
    assert len(model.messages) == 1


def test_a_race_about_one_name_is_told_where_it_can_be(hub, model, harness, send):
    write(harness, FILES)
    hub.races = 1
    hub.before_commit = lambda: model.commit({"README.md": b"theirs"}, BRANCH)
    assert failed(send(model))[:2] == ("failed", "exists")
    assert tree(model) == {"README.md": b"theirs"}


def test_a_store_that_does_not_keep_what_it_took(hub, model, harness, send):
    write(harness, FILES)
    hub.forgetful = 1
    outcome = send(model)
    assert failed(outcome)[:2] == ("failed", "remote_lied")
    assert outcome.error.retryable
    assert tree(model) == {}
    assert send(model, id="again").verified is True
    assert tree(model) == FILES


def test_addresses_that_have_expired(hub, model, harness, send):
    data = noise(2_000_003)
    write(harness, {"big.bin": data})
    hub.fail("^/lfs/", 403, times=2)
    assert send(model).verified is True
    assert tree(model) == {"big.bin": data}


def test_a_file_that_changes_before_the_commit(hub, model, harness, send):
    write(harness, {**FILES, "model.bin": noise(3_000_017)})
    harness.control.bandwidth.rate = 4_000_000
    changes = []

    def change(counts):
        if counts["bytes_done"] > 1_000_000 and not changes:
            changes.append(write(harness, {"README.md": b"# y\n"}))

    harness.report.on_progress = change
    assert failed(send(model))[:2] == ("failed", "changed")
    assert tree(model) == {}


def test_what_is_at_the_store_is_not_sent_again_after_a_kill(hub, model, tmp_path):
    folder = tmp_path / "root"
    (folder / "d").mkdir(parents=True)
    for number in range(12):
        (folder / f"d/{number}.bin").write_bytes(noise(1_000_003, seed=number))
    more = {"state_dir": str(tmp_path / "state"), "secrets": {"token": TOKEN}}
    message = run_message(folder, "d", address(model), kind="send", bandwidth=8 << 20, **more)
    worker = WorkerProcess(tmp_path)
    worker.send(**message)
    while worker.wait_for("progress")["progress"]["bytes_done"] < 5_000_000:
        pass
    worker.kill()
    assert tree(model) == {}
    message["job"]["bandwidth"] = None
    worker = WorkerProcess(tmp_path)
    worker.send(**message)
    end = worker.wait_for("end")
    worker.kill()
    assert (end["state"], end["verified"]) == ("done", True)
    assert len(tree(model)) == 12
    assert len(model.messages) == 1
    puts = [one.path.split("?")[0] for one in hub.asked if (one.method, one.status) == ("PUT", 200)]
    assert len(puts) == len(set(puts)) == 12
    shown = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN.encode() not in shown
    assert {path.name for path in Path(folder).iterdir()} == {"d"}


# -- repositories, and who may --


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_a_repository_that_is_made(hub, harness, send, kind):
    write(harness, {**FILES, "README.md": b"# mine\n"})
    id = f"me/new-{kind}"
    where = f"modelscope://{kind}/{id}"
    assert failed(send(where)) == ("failed", "remote_not_found", "no_repository")
    outcome = send(where, id="make", create_repo=True, private=True, conflict="overwrite")
    assert (outcome.state, outcome.error) == ("done", None)
    made = hub.repos.pop((kind, id))
    assert (tree(made), made.private) == ({**FILES, "README.md": b"# mine\n"}, True)


@pytest.mark.parametrize(
    ("token", "wanted"),
    [
        ("", ("waiting", "needs_credentials", "token_needed")),
        ("ms-nobodyHasThisOne0123456789", ("waiting", "needs_credentials", "token_refused")),
        (STRANGER, ("failed", "remote_forbidden", None)),
        (READER, ("failed", "remote_forbidden", None)),
    ],
)
def test_who_may_not_write(model, harness, send, token, wanted):
    write(harness, {"a.txt": b"1", "b.bin": DATA[:100]})
    outcome = send(model, token=token)
    assert failed(outcome) == wanted
    assert not token or token not in json.dumps(outcome.error.as_dict())
    assert tree(model) == {}


def test_a_commit_stays_what_it_is(hub, model, harness, send):
    write(harness, FILES)
    outcome = send(model, path=f"@{model.refs[BRANCH]}")
    assert failed(outcome)[:2] == ("failed", "bad_request")
    outcome = send(model, path="@nowhere", id="nowhere")
    assert failed(outcome) == ("failed", "remote_not_found", "no_revision")
    assert commits(hub) == []


@pytest.mark.parametrize("elsewhere", [True, False])
def test_whom_the_token_goes_to(hub, model, harness, send, elsewhere):
    write(harness, {"f.bin": DATA})
    hub.elsewhere = elsewhere
    assert send(model).state == "done"
    puts = [one for one in hub.asked if one.method == "PUT"]
    assert [one.origin for one in puts] == ["store" if elsewhere else "hub"]
    token = None if elsewhere else f"Bearer {TOKEN}"
    assert [one.headers.get("authorization") for one in puts] == [token]
    assert all(("cookie" in one.headers) is not elsewhere for one in puts)


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://modelscope.cn/x", True),
        ("https://lfs.modelscope.cn/x", True),
        ("https://pre-lfs.modelscope.cn/x", True),
        ("http://lfs.modelscope.cn/x", False),
        ("https://lfs.modelscope.cn.evil.example/x", False),
        ("https://oss.example/x", False),
    ],
)
def test_hosts_that_are_the_hub_s_own(url, known):
    client = modelscope_client.ModelScopeClient("https://modelscope.cn", TOKEN, None, print)
    branch = modelscope_branch.ModelScopeBranch(client, None, create=False, private=False)
    assert bool(branch.authorization(url)) is known
