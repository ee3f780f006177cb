"""The stand-in for the hub is right where the real huggingface_hub takes it for one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ..servers.chaos import noise
from ..servers.huggingface import READER, STRANGER, TOKEN, running_hub
from ..servers.worker import WorkerProcess, run_message

DATA = noise(300_003)
FILES = {
    ".gitattributes": b"*.bin filter=lfs\n",
    "README.md": b"# A model\n",
    "config.json": b"{}",
    "model.bin": DATA,
    "sub dir/\u6570\u636e.json": b"[1]",
    "sub dir/deep/x.bin": DATA[:70_000],
}


@pytest.fixture(scope="module")
def hub():
    with running_hub() as running:
        yield running


@pytest.fixture
def ask(hub, tmp_path):
    """Run code with the real client, in a process of its own: it prints JSON."""

    def ask(code, token=None, **environment):
        head = (
            "import json\n"
            "import huggingface_hub as hf\n"
            "from huggingface_hub import *\n"
            "from huggingface_hub import errors\n"
            "def caught(act):\n"
            "    try:\n"
            "        act()\n"
            "    except Exception as error:\n"
            "        return type(error).__name__\n"
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        given = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), **environment}
        if token:
            given["HF_TOKEN"] = token
        run = subprocess.run(
            [sys.executable, "-c", head + code],
            check=False,
            env={**kept, **given, "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    return ask


def test_what_the_real_client_fetches_and_lists(hub, ask, tmp_path):
    hub.page, hub.resolve_cache = 3, True
    model, data = hub.repo(gated=False, card={"license": "mit"}), hub.repo(kind="datasets")
    sha = model.commit(FILES)
    data.commit({"a/b.parquet": DATA[:5000]}, "refs/pr/1")
    try:
        found = ask(
            f"""
folder = snapshot_download({model.id!r})
one = hf_hub_download({data.id!r}, "a/b.parquet", repo_type="dataset", revision="refs/pr/1")
api = HfApi()
tree = [vars(f)["path"] for f in api.list_repo_tree({model.id!r}, recursive=True)]
top = [vars(f)["path"] for f in api.list_repo_tree({model.id!r})]
info = api.model_info({model.id!r}, expand=["sha", "gated", "cardData", "lastModified"])
paths = [type(p).__name__ for p in api.get_paths_info({model.id!r}, ["model.bin", "sub dir", "x"])]
sums = api.verify_repo_checksums({model.id!r})
print(json.dumps([folder, one, tree, top, info.sha, info.gated, info.card_data.license, paths,
    sums.checked_count, len(sums.mismatches)]))
"""
        )
    finally:
        hub.page, hub.resolve_cache = 1000, False
    folder, one, tree, top, *rest = found
    assert folder.endswith(f"snapshots/{sha}")
    for path, content in FILES.items():
        with open(os.path.join(folder, path), "rb") as file:
            assert file.read() == content
    with open(one, "rb") as file:
        assert file.read() == DATA[:5000]
    assert tree == sorted([*FILES, "sub dir", "sub dir/deep"])
    assert top == [".gitattributes", "README.md", "config.json", "model.bin", "sub dir"]
    assert rest == [sha, False, "mit", ["RepoFile", "RepoFolder"], 6, 0]


def test_what_the_real_client_says_of_refusals(hub, ask):
    hidden, gated = hub.repo(private=True, members={"me"}), hub.repo(gated="manual")
    open_one = hub.repo()
    gated.granted.add("me")
    for repo in (hidden, gated, open_one):
        repo.commit({"f.bin": DATA[:100]})
    code = f"""
def asked(token):
    api = HfApi(token=token)
    fetch = lambda id, name="f.bin", **more: lambda: api.hf_hub_download(id, name, **more)
    return [caught(act) for act in (
        fetch({hidden.id!r}),
        lambda: api.model_info("owner/nothing"),
        fetch({gated.id!r}),
        lambda: api.auth_check({gated.id!r}),
        fetch({open_one.id!r}, revision="nowhere"),
        fetch({open_one.id!r}, "nothing.bin"),
        lambda: list(api.list_repo_tree({open_one.id!r}, "nothing")),
        lambda: api.model_info({open_one.id!r}, token="hf_wrong"),
        lambda: api.whoami(),
    )]
print(json.dumps([asked(token) for token in (False, {STRANGER!r}, {TOKEN!r})]))
"""
    refused = [
        "RepositoryNotFoundError",
        "RepositoryNotFoundError",
        "GatedRepoError",
        "GatedRepoError",
        "RevisionNotFoundError",
        "RemoteEntryNotFoundError",
        "RemoteEntryNotFoundError",
        "HfHubHTTPError",
    ]
    nobody, stranger, member = ask(code)
    assert nobody[:-1] == refused
    assert nobody[-1] is not None
    assert stranger == [*refused, None]
    assert member == [None, refused[1], None, None, *refused[4:], None]


def test_what_the_real_client_does_about_a_busy_hub(hub, ask):
    repo = hub.repo()
    repo.commit({"f.bin": DATA[:100]})
    hub.forget()
    hub.fail("/tree/main", 429, RateLimit='"api";r=0;t=0')
    hub.fail("/tree/main", 503)
    code = f"print(json.dumps([f.path for f in HfApi().list_repo_tree({repo.id!r})]))"
    assert ask(code) == ["f.bin"]
    assert [one.status for one in hub.asked] == [429, 503, 200]


def test_no_token_goes_to_the_store(hub, ask):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA})
    hub.forget()
    ask(f"print(json.dumps(hf_hub_download({repo.id!r}, 'f.bin')))", TOKEN)
    known = {(one.origin, "authorization" in one.headers) for one in hub.asked}
    assert known == {("hub", True), ("store", False)}
    assert hub.sent() == len(DATA)


def test_what_the_real_client_sends(hub, ask, tmp_path):
    folder = tmp_path / "out"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "large.bin").write_bytes(noise(2_000_003))
    hub.multipart_from, hub.part_size = 1 << 20, 600_000
    code = f"""
api = HfApi()
url = api.create_repo("me/sent", private=True, exist_ok=True)
api.create_repo("me/sent", exist_ok=True)
first = api.upload_folder(repo_id="me/sent", folder_path={str(folder)!r}, commit_message="All")
second = api.upload_file(path_or_fileobj=b"1", path_in_repo="new.txt", repo_id="me/sent",
    create_pr=True)
third = api.create_commit("me/sent", [CommitOperationDelete("config.json")], commit_message="Less",
    parent_commit=first.oid)
stale = caught(lambda: api.create_commit("me/sent", [CommitOperationDelete("README.md")],
    commit_message="x", parent_commit=first.oid))
denied = caught(lambda: api.create_repo("other/sent", token={READER!r}))
print(json.dumps([str(url), first.oid, second.pr_url, second.pr_revision, third.oid, stale,
    denied]))
"""
    try:
        found = ask(code, TOKEN, HF_HUB_DISABLE_XET="1")
    finally:
        hub.multipart_from, hub.part_size = 16 << 20, 6 << 20
    repo = hub.repos.pop(("models", "me/sent"))
    url, first, page, revision, third, *refused = found
    assert url == f"{hub.url}/me/sent"
    sent = {path: blob.data for path, blob in repo.commits[first].items()}
    assert sent == {**FILES, "large.bin": noise(2_000_003)} | {
        ".gitattributes": sent[".gitattributes"]
    }
    assert (page, revision) == (f"{url}/discussions/1", "refs/pr/1")
    assert repo.commits[repo.refs[revision]]["new.txt"].data == b"1"
    assert repo.refs["main"] == third
    assert "config.json" not in repo.commits[third]
    assert refused == ["HfHubHTTPError", "HfHubHTTPError"]


def test_the_real_client_finds_what_we_sent(hub, ask, tmp_path):
    repo = hub.repo("me/ours", private=True, members={"me"})
    repo.commit({".gitattributes": b""})
    root = tmp_path / "root"
    for path, content in FILES.items():
        (root / "d" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "d" / path).write_bytes(content)
    message = run_message(root, "d", "hf://me/ours", kind="send", secrets={"token": TOKEN})
    message["job"]["options"] = {"endpoint": hub.url, "conflict": "overwrite"}
    worker = WorkerProcess(tmp_path)
    worker.send(**message)
    end = worker.wait_for("end")
    worker.kill()
    assert (end["state"], end["verified"]) == ("done", True), end
    folder, bad = ask(
        """
folder = snapshot_download("me/ours")
print(json.dumps([folder, len(HfApi().verify_repo_checksums("me/ours").mismatches)]))
""",
        TOKEN,
    )
    hub.repos.pop(("models", "me/ours"))
    for path, content in FILES.items():
        if path != ".gitattributes":  # this server shows no such files
            with open(os.path.join(folder, path), "rb") as file:
                assert file.read() == content
    assert bad == 0
