"""Hugging Face: files that are sent become one commit. The hub is the stand-in of the tests."""

from __future__ import annotations

import json

import pytest

from jupyter_transfer.backends.hub_branch import HuggingFaceBranch
from jupyter_transfer.backends.hub_commit import CommitBody
from jupyter_transfer.backends.huggingface import HuggingFaceBackend
from jupyter_transfer.engine.job import JobRequest
from jupyter_transfer.engine.planning import plan

from ..servers.chaos import noise
from ..servers.huggingface import READER, STRANGER, TOKEN, running_hub
from ..servers.worker import WorkerProcess, run_message

DATA, OTHER = noise(300_003), noise(300_003, seed=2)
FILES = {"README.md": b"# x\n", "model.bin": DATA, "sub dir/\u6570#%.json": b"[1]", "empty": b""}


@pytest.fixture(scope="module")
def running():
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    """The hub of the environment, at which nobody has logged in; nothing was asked of it yet."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    running.faults.clear()
    running.store.clear()
    running.forget()
    yield running
    running.multipart_from, running.part_size, running.lifetime = 16 << 20, 6 << 20, 3600.0
    running.rate, running.lost_answers = None, 0


@pytest.fixture
def repo(hub):
    """An own repository as the hub makes it."""
    repo = hub.repo(members={"me"})
    repo.commit({".gitattributes": b"*.bin filter=lfs\n"})
    return repo


@pytest.fixture
def send(hub, repo, harness):
    """Send the folder ``d``, or what is named, to the repository."""

    def send(source="d", path="", *, token=TOKEN, id="job", kind="send", delivered=(), **options):
        harness.report.files.clear()
        given = {"token": token} if token else {}
        address = path if "://" in path else f"hf://{repo.id}{path}"
        return harness.run(
            source, address, id=id, kind=kind, delivered=delivered, **given, **options
        )

    return send


def write(harness, files, folder="d"):
    for name, data in files.items():
        path = harness.folder / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def tree(repo, revision="main"):
    """What a branch holds, without what was there first."""
    there = repo.commits[repo.refs[revision]]
    return {path: blob.data for path, blob in there.items() if path != ".gitattributes"}


def failed(outcome):
    assert outcome.error is not None
    return outcome.state, outcome.error.code, outcome.error.detail.get("kind")


def commits(hub):
    """Commits that arrived."""
    return [one for one in hub.asked if "/commit/" in one.path and one.status == 200]


# -- one commit --


def test_a_folder_becomes_one_commit(hub, repo, harness, send):
    write(harness, FILES)
    before = repo.refs["main"]
    seen = []
    hub.before_commit = lambda: seen.append(tree(repo))
    outcome = send(commit_message="A first model")
    assert (outcome.state, outcome.error, outcome.verified) == ("done", None, True)
    assert seen == [{}]
    assert tree(repo) == FILES
    assert repo.messages == {repo.refs["main"]: "A first model"}
    assert len(commits(hub)) == 1
    assert before != repo.refs["main"]
    assert {counts["files_total"] for counts in harness.report.counts} <= {None, 4}
    assert harness.report.counts[-1]["files_done"] == 4
    there = repo.commits[repo.refs["main"]]
    assert {path for path, blob in there.items() if blob.lfs} == {"model.bin"}
    assert hub.received() == len(DATA)
    rows = {row["address"]: row for row in harness.report.files}
    model = rows[f"hf://{repo.id}/model.bin"]
    assert (model["state"], model["verified"]) == ("done", True)
    assert model["digest"] == f"sha256:{there['model.bin'].sha256}"
    assert rows[f"hf://{repo.id}/empty"]["digest"].startswith("git-blob-sha1:")
    assert {one.headers.get("authorization") for one in hub.asked if one.origin == "store"} == {
        None
    }


def test_what_is_there_already_is_not_sent(hub, repo, harness, send):
    write(harness, FILES)
    repo.commit({"p/model.bin": DATA, "p/README.md": b"# x\n"})
    assert send(path="/p/").state == "done"
    states = {row["path"]: row["state"] for row in harness.report.files}
    assert states["d/model.bin"] == states["d/README.md"] == "present"
    assert states["d/empty"] == "done"
    assert hub.received() == 0
    head = repo.refs["main"]
    assert send(path="/p/", id="again").verified is True
    assert repo.refs["main"] == head
    assert {row["state"] for row in harness.report.files} == {"present"}


def test_one_file_in_place_of_what_we_sent(repo, harness, send):
    write(harness, {"f.bin": DATA})
    assert send("d/f.bin", "/w/f.bin").state == "done"
    rows = harness.delivered("d/f.bin")
    write(harness, {"f.bin": OTHER})
    assert send("d/f.bin", "/w/f.bin", id="new", delivered=rows).state == "done"
    assert tree(repo) == {"w/f.bin": OTHER}
    assert list(repo.messages.values()) == ["Upload w/f.bin"] * 2
    repo.commit({"w/f.bin": b"theirs"})
    write(harness, {"f.bin": DATA})
    assert failed(send("d/f.bin", "/w/f.bin", id="more", delivered=rows))[:2] == (
        "failed",
        "exists",
    )
    assert tree(repo) == {"w/f.bin": b"theirs"}


def test_if_one_file_may_not_go_none_does(repo, harness, send):
    write(harness, FILES)
    repo.commit({"README.md": b"theirs"})
    assert failed(send())[:2] == ("failed", "exists")
    assert tree(repo) == {"README.md": b"theirs"}
    codes = {row["path"]: row["error"]["code"] for row in harness.report.files}
    assert codes == {
        "d/README.md": "exists",
        "d/model.bin": "cancelled",
        "d/sub dir/\u6570#%.json": "cancelled",
        "d/empty": "cancelled",
    }
    assert send(id="skip", conflict="skip").state == "done"
    assert tree(repo) == {**FILES, "README.md": b"theirs"}
    assert send(id="over", conflict="overwrite").state == "done"
    assert tree(repo) == FILES


def test_names_beside_what_is_there_and_beside_each_other(repo, harness, send):
    write(harness, {"a.txt": b"mine", "a (1).txt": b"other"})
    repo.commit({"a.txt": b"theirs"})
    assert send(conflict="rename").state == "done"
    assert tree(repo)["a.txt"] == b"theirs"
    assert sorted(tree(repo).values()) == [b"mine", b"other", b"theirs"]


def test_what_the_repository_ignores_is_left_out(repo, harness, send):
    repo.commit({".gitignore": b"*.log\n"})
    write(harness, {"a.log": b"1", "b.txt": b"2"})
    assert send().state == "done"
    assert {row["path"]: row["state"] for row in harness.report.files} == {
        "d/a.log": "skipped",
        "d/b.txt": "done",
    }
    assert sorted(tree(repo)) == [".gitignore", "b.txt"]


def test_more_files_than_one_commit_holds(hub, repo, harness, send, monkeypatch):
    monkeypatch.setattr(HuggingFaceBackend, "most_files", 3)
    write(harness, {f"{number}.txt": b"%d" % number for number in range(7)})
    assert send(create_pr=True).state == "done"
    assert tree(repo) == {}
    assert len(tree(repo, "refs/pr/1")) == 7
    assert [len(commits(hub)), repo.requests] == [3, 1]
    codes = [code for code, _ in harness.report.notes]
    assert codes == ["pull_request", "several_commits"]


# -- others write, too --


def test_a_race_that_does_no_harm(hub, repo, harness, send):
    write(harness, FILES)
    hub.before_commit = lambda: repo.commit({"theirs.txt": b"t"})
    assert send().state == "done"
    assert tree(repo) == {**FILES, "theirs.txt": b"t"}
    assert [one.status for one in hub.asked if "/commit/" in one.path] == [412, 200]


@pytest.mark.parametrize("conflict", [None, "overwrite"])
def test_a_race_about_one_name(hub, repo, harness, send, conflict):
    write(harness, FILES)
    hub.before_commit = lambda: repo.commit({"README.md": b"theirs"})
    outcome = send(**({"conflict": conflict} if conflict else {}))
    if conflict:
        assert outcome.state == "done"
        assert tree(repo) == FILES
    else:
        assert failed(outcome)[:2] == ("failed", "exists")
        assert tree(repo) == {"README.md": b"theirs"}


def test_a_lost_answer_makes_no_second_commit(hub, repo, harness, send):
    write(harness, FILES)
    hub.lost_answers = 1
    assert send().verified is True
    assert tree(repo) == FILES
    assert len(repo.messages) == 1
    assert len([one for one in hub.asked if "/commit/" in one.path]) == 1


def test_a_lost_answer_makes_no_second_pull_request(hub, repo, harness, send):
    write(harness, FILES)
    for text in (b"1", b"2"):
        repo.requests += 1
        repo.commit({"README.md": text}, f"refs/pr/{repo.requests}")
    hub.lost_answers = 1
    assert send(create_pr=True).verified is True
    assert repo.requests == 3
    assert tree(repo, "refs/pr/3") == FILES
    page = f"{hub.url}/{repo.id}/discussions/3"
    assert harness.report.notes == [("pull_request", f"The pull request is {page}.")]
    assert not list((harness.folder.parent / "state/jobs").glob("*.pin"))


def test_a_file_that_changes_before_the_commit(hub, repo, harness, send):
    write(harness, {**FILES, "model.bin": noise(3_000_017)})
    harness.control.bandwidth.rate = 4_000_000
    changes = []

    def change(counts):
        if counts["bytes_done"] > 1_000_000 and not changes:
            changes.append(write(harness, {"README.md": b"# y\n"}))

    harness.report.on_progress = change
    outcome = send()
    assert failed(outcome)[:2] == ("failed", "changed")
    assert outcome.error.retryable
    assert tree(repo) == {}
    assert send(id="again").state == "done"
    assert tree(repo)["README.md"] == b"# y\n"
    assert hub.received() == 3_000_017


# -- large files --


def test_parts_of_a_large_file(hub, repo, harness, send):
    hub.multipart_from, hub.part_size = 1 << 20, 300_000
    data = noise(2_000_003)
    write(harness, {"big.bin": data})
    hub.fail("partNumber=3", 503)
    assert send().verified is True
    assert tree(repo) == {"big.bin": data}
    puts = [one for one in hub.asked if one.method == "PUT"]
    assert len(puts) == 8
    assert hub.received() == len(data)


@pytest.mark.parametrize("parts", [True, False])
def test_addresses_that_have_expired(hub, repo, harness, send, parts):
    hub.multipart_from = 1 << 20 if parts else 1 << 30
    hub.part_size = 400_000
    data = noise(2_000_003)
    write(harness, {"big.bin": data})
    hub.fail("/upload/", 403, times=3)
    assert send().verified is True
    assert tree(repo) == {"big.bin": data}
    batches = [one for one in hub.asked if one.path.endswith("/objects/batch")]
    assert 2 <= len(batches) <= 5


def test_what_is_at_the_store_is_not_sent_again_after_a_kill(hub, repo, tmp_path):
    folder = tmp_path / "root"
    (folder / "d").mkdir(parents=True)
    for number in range(12):
        (folder / f"d/{number}.bin").write_bytes(noise(1_000_003, seed=number))
    state = str(tmp_path / "state")
    more = {"state_dir": state, "secrets": {"token": TOKEN}, "bandwidth": 8 << 20}
    message = run_message(folder, "d", f"hf://{repo.id}", kind="send", **more)
    worker = WorkerProcess(tmp_path)
    worker.send(**message)
    while worker.wait_for("progress")["progress"]["bytes_done"] < 5_000_000:
        pass
    worker.kill()
    assert tree(repo) == {}
    message["job"]["bandwidth"] = None
    worker = WorkerProcess(tmp_path)
    worker.send(**message)
    end = worker.wait_for("end")
    worker.kill()
    assert (end["state"], end["verified"]) == ("done", True)
    assert len(tree(repo)) == 12
    assert len(repo.messages) == 1
    assert hub.received() <= 12_000_036 + 8 * 1_000_003
    puts = [
        one.path.split("?")[0] for one in hub.asked if one.method == "PUT" and one.status == 200
    ]
    assert len(puts) == len(set(puts)) == 12
    shown = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN.encode() not in shown


# -- repositories, pull requests, who may --


def test_a_repository_that_is_made(hub, harness, send):
    write(harness, FILES)
    address = "hf://datasets/me/new-one"
    hub.repos.pop(("datasets", "me/new-one"), None)
    assert failed(send(path=address)) == ("failed", "remote_not_found", "no_repository")
    options = {"create_repo": True, "private": True}
    request = JobRequest("p", "d", address, {"dry_run": True, **options}, kind="send")
    context = harness.context({"token": TOKEN, **options})
    shown = plan(harness.root, request, context, harness.control)
    assert shown["plan"]["copy"] == 4
    assert ("datasets", "me/new-one") not in hub.repos
    assert send(path=address, id="make", **options).state == "done"
    made = hub.repos["datasets", "me/new-one"]
    assert (tree(made), made.private) == (FILES, True)
    outcome = send(path="hf://spaces/me/new-space", id="space", **options)
    assert failed(outcome)[:2] == ("failed", "bad_request")


def test_a_pull_request_of_a_stranger(hub, repo, harness, send):
    write(harness, FILES)
    assert failed(send(token=STRANGER))[:2] == ("failed", "remote_forbidden")
    outcome = send(token=STRANGER, create_pr=True, id="pr")
    assert (outcome.state, outcome.verified) == ("done", True)
    assert tree(repo) == {}
    assert tree(repo, "refs/pr/1") == FILES
    page = f"{hub.url}/{repo.id}/discussions/1"
    assert harness.report.notes == [("pull_request", f"The pull request is {page}.")]
    assert {row["address"] for row in harness.report.files} == {
        f"hf://{repo.id}@refs/pr/1/{path}" for path in FILES
    }


@pytest.mark.parametrize(
    ("token", "path", "wanted"),
    [
        (None, "", ("waiting", "needs_credentials", "token_needed")),
        (READER, "", ("failed", "remote_forbidden", None)),
        ("hf_nobodyHasThisOne0123456789", "", ("waiting", "needs_credentials", "token_refused")),
        (TOKEN, "@nowhere", ("failed", "remote_not_found", "no_revision")),
        (TOKEN, "@HEAD", ("failed", "bad_request", None)),
    ],
)
def test_who_may_not_write_and_where(repo, harness, send, token, path, wanted):
    write(harness, FILES)
    path = path.replace("HEAD", repo.refs["main"])
    outcome = send(path=path, token=token)
    assert failed(outcome) == wanted
    assert tree(repo) == {}
    told = json.dumps([outcome.error.as_dict(), harness.report.files])
    assert token is None or token not in told


def test_copying_from_another_service_is_refused_with_its_reason(hub, repo, harness):
    other = hub.repo()
    other.commit({"f.bin": DATA})
    outcome = harness.run(f"hf://{other.id}", f"hf://{repo.id}/", kind="copy", token=TOKEN)
    assert failed(outcome)[:2] == ("failed", "bad_request")
    assert "send them from there" in outcome.error.remedy
    assert tree(repo) == {}


# -- made equal --


def test_a_sync_deletes_in_the_same_commit(hub, repo, harness, send):
    write(harness, FILES)
    repo.commit({"old/x.bin": OTHER, "README.md": b"old", "model.bin": DATA})
    outcome = send(kind="sync")
    assert failed(outcome) == ("waiting", "needs_decision", "plan")
    counts = outcome.error.detail
    assert (counts["copy"], counts["replace"], counts["delete"]) == (2, 1, 1)
    assert len(repo.messages) == 0
    assert send(kind="sync", approve=True).state == "done"
    assert tree(repo) == FILES
    assert ".gitattributes" in repo.commits[repo.refs["main"]]
    assert list(repo.messages.values()) == ["Upload 3 files, delete 1 file"]
    assert hub.received() == 0
    done = {row["path"]: row.get("action") for row in harness.report.files}
    assert done["d/old/x.bin"] == "delete"
    assert done["d/README.md"] == "replace"


def test_a_sync_in_which_a_file_becomes_a_folder(hub, repo, harness, send):
    write(harness, {"a/b.txt": b"1", "c": b"2"})
    repo.commit({"a": b"a file", "c": b"2"})
    assert send(kind="sync").error.detail["delete"] == 1
    outcome = send(kind="sync", approve=True)
    assert outcome.state == "done", outcome.error
    assert tree(repo) == {"a/b.txt": b"1", "c": b"2"}
    assert list(repo.messages.values()) == ["Upload a/b.txt, delete 1 file"]


def test_a_sync_in_which_a_folder_becomes_a_file(hub, repo, harness, send):
    write(harness, {"a": b"a file", "c": b"2"})
    repo.commit({"a/b.txt": b"1", "old": b"3"})
    detail = send(kind="sync").error.detail
    assert (detail["copy"], detail["fail"], detail["delete"], detail["folders"]) == (1, 1, 2, 0)
    outcome = send(kind="sync", approve=True)
    assert failed(outcome)[:2] == ("failed", "is_a_directory")
    assert tree(repo) == {"a/b.txt": b"1", "old": b"3"}


def test_a_sync_leaves_alone_what_changes_meanwhile(hub, repo, harness, send):
    write(harness, FILES)
    repo.commit({"old.txt": b"old"})
    hub.before_commit = lambda: repo.commit({"old.txt": b"new"})
    outcome = send(kind="sync", approve=True)
    assert failed(outcome)[:2] == ("failed", "remote_changed")
    assert tree(repo) == {"old.txt": b"new"}


def asked_about(hub):
    """How often the hub was asked for what."""
    words = ("/preupload/", "/paths-info/", "/tree/", "/commit/")
    return {word.strip("/"): sum(word in one.path for one in hub.asked) for word in words}


def test_many_files_take_few_requests(hub, repo, harness, send):
    files = {f"n{n % 3}/{n}.txt": b"%d" % n for n in range(600)}
    write(harness, files)
    assert send(path="/new").verified is True
    assert tree(repo) == {f"new/{path}": data for path, data in files.items()}
    assert asked_about(hub) == {"preupload": 3, "paths-info": 1, "tree": 2, "commit": 1}
    write(harness, {"n0/0.txt": b"other", "n1/more.txt": b"more"})
    hub.forget()
    assert send(path="/new", id="again", conflict="overwrite").verified is True
    assert tree(repo)["new/n0/0.txt"] == b"other"
    assert [row["state"] for row in harness.report.files].count("present") == 599
    assert asked_about(hub)["paths-info"] == 2


def test_a_folder_of_too_many_files_is_not_listed(hub, repo, harness, send):
    repo.commit({f"there/{n}.txt": b"%d" % n for n in range(1001)})
    write(harness, {f"{n}.txt": b"%d" % n for n in range(900, 1100)})
    hub.forget()
    assert send(path="/there").verified is True
    assert [row["state"] for row in harness.report.files].count("present") == 101
    assert (asked_about(hub)["tree"], asked_about(hub)["paths-info"]) == (1, 3)


def test_the_lines_of_a_commit_are_read_in_pieces_of_any_size():
    body = CommitBody({"key": "header", "value": {}}, [], [f"{n}.txt" for n in range(1000)])
    whole = bytes(body.read(1 << 20))
    assert (len(whole), bytes(body.read(1))) == (body.size, b"")
    assert len(whole.splitlines()) == 1001
    body.seek(0)
    pieces = [bytes(body.read(1000)) for _ in range(-(-body.size // 1000))]
    assert b"".join(pieces) == whole
    assert {len(piece) for piece in pieces[:-1]} == {1000}
    body.seek(777)
    assert bytes(body.read(100)) == whole[777:877]


def test_the_store_is_asked_about_many_small_files_at_once(hub, repo, harness, send):
    files = {f"{n}.bin": noise(1000, seed=n) for n in range(30)}
    write(harness, files)
    assert send().verified is True
    assert tree(repo) == files
    asked = [one for one in hub.asked if one.path.endswith("/objects/batch")]
    assert len(asked) == 1
    assert hub.received() == 30_000
    hub.forget()
    assert send(path="/again", id="again").verified is True
    assert hub.received() == 0
    assert len([one for one in hub.asked if one.path.endswith("/objects/batch")]) == 1


def test_a_small_file_that_changes_after_the_store_was_asked(hub, repo, harness, send, monkeypatch):
    write(harness, {"a.bin": b"a" * 1000, "b.bin": b"b" * 1000})
    expect = HuggingFaceBranch.expect

    def change(branch, files):
        expect(branch, files)
        write(harness, {"b.bin": b"c" * 1000})

    monkeypatch.setattr(HuggingFaceBranch, "expect", change)
    assert send().verified is True
    assert tree(repo) == {"a.bin": b"a" * 1000, "b.bin": b"c" * 1000}
