"""The stand-in for ModelScope is right where the real modelscope-hub takes it for one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..servers.chaos import noise
from ..servers.modelscope import READER, STRANGER, TOKEN, running_modelscope

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
    with running_modelscope() as running:
        yield running


@pytest.fixture
def ask(hub, tmp_path):
    """Run code with the real client, in a process of its own: it prints JSON."""

    def ask(code, token=None):
        head = (
            "import json\n"
            "from modelscope_hub import HubApi\n"
            f"api = HubApi(token={token or ''!r})\n"
            "def caught(act):\n"
            "    try:\n"
            "        act()\n"
            "    except Exception as error:\n"
            "        return type(error).__name__\n"
        )
        kept = {name: text for name, text in os.environ.items() if "MODELSCOPE" not in name}
        given = {
            "MODELSCOPE_ENDPOINT": hub.url,
            "MODELSCOPE_HOME": str(tmp_path / "home"),
            "MODELSCOPE_CACHE": str(tmp_path / "cache"),
            "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "2",
            "TQDM_DISABLE": "1",
        }
        run = subprocess.run(
            [sys.executable, "-c", head + code],
            check=False,
            env={**kept, **given},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout.splitlines()[-1])

    return ask


def test_what_the_real_client_fetches_and_lists(hub, ask):
    model, data = hub.repo(card={"license": "mit"}), hub.repo(kind="datasets")
    old = model.commit({"config.json": b"old"}, "master")
    model.commit(FILES, "master")
    data.commit({f"d/{n}.csv": b"%d" % n for n in range(450)} | {"w.bin": DATA}, "master")
    found = ask(f"""
folder = api.download_repo({model.id!r}, "model")
before = api.download_file({model.id!r}, "model", "config.json", revision={old!r})
whole = api.download_repo({data.id!r}, "dataset", allow_patterns=["w.bin", "d/44*"])
rows = api.list_repo_files({data.id!r}, "dataset")
info = api.get_repo({model.id!r}, "model")
names = [one["Revision"] for one in api.list_repo_revisions({model.id!r}, "model")]
print(json.dumps([str(folder), str(before), str(whole), len(rows), info.license, names]))
""")
    folder, before, whole, *rest = found
    for path, content in FILES.items():
        assert (Path(folder) / path).read_bytes() == content
    assert Path(before).read_bytes() == b"old"
    assert (Path(whole) / "w.bin").read_bytes() == DATA
    assert len(list(Path(whole).glob("d/*"))) == 11
    assert rest == [452, "mit", ["master"]]


def test_what_the_real_client_says_of_refusals(hub, ask):
    hidden, gated = hub.repo(private=True, members={"me"}), hub.repo(gated=True, granted={"me"})
    for repo in (hidden, gated):
        repo.commit({"f.bin": DATA[:100]}, "master")
    code = f"""
def asked(token):
    api = HubApi(token=token)
    fetch = lambda id, path="f.bin", **more: lambda: api.download_file(id, "model", path, **more)
    return [caught(act) for act in (
        fetch({hidden.id!r}),
        fetch("owner/nothing"),
        fetch({gated.id!r}),
        lambda: api.list_repo_files({hidden.id!r}, "model"),
        lambda: api.list_repo_files({gated.id!r}, "model"),
        lambda: api.whoami(),
        fetch({gated.id!r}, "nothing.bin"),
        fetch({gated.id!r}, revision="nowhere"),
    )]
print(json.dumps([asked(token) for token in ("", "ms-wrong", {STRANGER!r}, {TOKEN!r})]))
"""
    absent, refused = "NotExistError", "PermissionDeniedError"
    nobody, wrong, stranger, member = ask(code)
    assert nobody[:5] == stranger[:5] == [absent, absent, refused, absent, refused]
    assert nobody[5] is not None
    assert stranger[5] is None
    assert set(wrong) == {"AuthenticationError"}
    assert member == [None, absent, None, None, None, None, absent, absent]


def test_no_token_goes_to_the_store(hub, ask):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"f.bin": DATA}, "master")
    hub.forget()
    ask(f"print(json.dumps(str(api.download_file({repo.id!r}, 'model', 'f.bin'))))", TOKEN)
    known = {(one.origin, "authorization" in one.headers) for one in hub.asked}
    assert ("store", False) in known
    assert ("store", True) not in known
    assert hub.sent() == len(DATA)


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_what_the_real_client_sends(hub, ask, tmp_path, kind):
    folder = tmp_path / "sent"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    id = f"me/by-the-client-{kind}"
    ask(
        f"""
api.create_repo({id!r}, {kind!r}, visibility="private")
api.upload_folder({id!r}, {kind!r}, {str(folder)!r}, commit_message="all", use_cache=False)
print(json.dumps(None))
""",
        TOKEN,
    )
    repo = hub.repos[f"{kind}s", id]
    there = repo.commits[repo.refs["master"]]
    assert {path: there[path].data for path in FILES} == FILES
    assert {path for path, blob in there.items() if blob.lfs} == {"model.bin", "sub dir/deep/x.bin"}
    assert repo.private
    code = f"print(json.dumps(caught(lambda: api.upload_file({id!r}, {kind!r}, b'x', 'x'))))"
    assert ask(code, READER) == "PermissionDeniedError"
