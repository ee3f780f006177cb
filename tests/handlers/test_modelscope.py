"""A repository of ModelScope through the server: looked at, waited for, fetched by its page, into
the cache, and sent back."""

from __future__ import annotations

import json

import pytest

from ..servers.chaos import noise
from ..servers.modelscope import BRANCH, TOKEN, running_modelscope

DATA = noise(200_003)


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
    return running


async def test_a_private_page_is_looked_at_waits_and_is_fetched(
    hub, ask, post, act, reaches, jp_root_dir
):
    repo = hub.repo(private=True, members={"me"}, card={"license": "mit"})
    repo.commit({"model.bin": DATA, "config.json": b"{}"}, BRANCH)
    page = f"{hub.url}/models/{repo.id}/tree/master"
    found = json.loads((await ask("probe", method="POST", json={"url": page})).body)
    assert (found["backend"], found["needs"]) == ("modelscope", "credentials")
    job = await reaches(await post(page, "models"), "waiting")
    assert (job["reason"]["code"], job["reason"]["detail"]["kind"]) == (
        "needs_credentials",
        "private_repository",
    )
    answer = await act(job, action="resume", options={"token": TOKEN})
    assert TOKEN not in answer.body.decode()
    job = await reaches(job, "done")
    assert (job["verified"], job["options"]["credential"]) == (True, "memory")
    assert (jp_root_dir / "models/model.bin").read_bytes() == DATA
    body = {"url": page, "options": {"token": TOKEN}}
    found = json.loads((await ask("probe", method="POST", json=body)).body)
    assert (found["files"], found["needs"]) == (2, None)
    assert (found["about"]["licence"], found["about"]["private"]) == ("mit", True)


async def test_into_the_cache_and_back_in_one_commit(
    hub, ask, post, reaches, tmp_path, jp_root_dir
):
    repo = hub.repo(kind="datasets", members={"me"})
    repo.commit({"old.bin": DATA}, BRANCH)
    source = f"modelscope://datasets/{repo.id}"
    job = await reaches(await post(source, target="cache"), "done", "failed", "waiting")
    assert job["reason"] is None
    folder = tmp_path / "ms-cache/datasets" / repo.id.replace("/", "--") / "snapshots/master"
    assert (folder / "old.bin").read_bytes() == DATA
    assert list(jp_root_dir.iterdir()) == []
    (jp_root_dir / "d").mkdir()
    (jp_root_dir / "d/new.bin").write_bytes(DATA[:70_000])
    (jp_root_dir / "d/new.txt").write_bytes(b"1")
    options = {"token": TOKEN, "commit_message": "both"}
    asked = {"source": "d", "destination": f"{source}/sent/", "kind": "send", "options": options}
    answer = await ask("jobs", method="POST", json=asked)
    job = await reaches(json.loads(answer.body), "done", "failed", "waiting")
    assert (job["reason"], job["verified"]) == (None, True)
    tree = repo.commits[repo.refs[BRANCH]]
    assert sorted(tree) == ["old.bin", "sent/new.bin", "sent/new.txt"]
    assert list(repo.messages.values()) == ["both"]
