"""A repository of a hub through the server: looked at, waited for, fetched, by its page."""

from __future__ import annotations

import json

import pytest

from ..servers.chaos import noise
from ..servers.huggingface import STRANGER, TOKEN, running_hub

DATA = noise(200_003)


@pytest.fixture(scope="module")
def running():
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(running, monkeypatch, tmp_path):
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    return running


async def test_a_gated_page_is_looked_at_waits_and_is_fetched(
    hub, ask, post, act, reaches, jp_root_dir
):
    repo = hub.repo(gated="manual", granted={"me"}, card={"license": "mit"})
    repo.commit({"model.bin": DATA, "config.json": b"{}"})
    page = f"{hub.url}/{repo.id}/tree/main"
    found = json.loads((await ask("probe", method="POST", json={"url": page})).body)
    assert (found["backend"], found["needs"]) == ("huggingface", "credentials")
    assert (found["about"]["licence"], found["about"]["gated"]) == ("mit", True)
    job = await reaches(await post(page, "models"), "waiting")
    assert (job["reason"]["code"], job["reason"]["detail"]["kind"]) == (
        "needs_credentials",
        "gated",
    )
    await act(job, action="resume", options={"token": STRANGER})
    job = await reaches(job, "waiting")
    assert "resume" in job["reason"]["remedy"]
    answer = await act(job, action="resume", options={"token": TOKEN})
    assert TOKEN not in answer.body.decode()
    job = await reaches(job, "done")
    assert (job["verified"], job["options"]["credential"]) == (True, "memory")
    assert (jp_root_dir / "models/model.bin").read_bytes() == DATA


async def test_into_the_cache_of_the_official_client(hub, post, reaches, tmp_path, jp_root_dir):
    repo = hub.repo()
    sha = repo.commit({"model.bin": DATA, "again.bin": DATA})
    job = await reaches(await post(f"hf://{repo.id}", target="cache"), "done", "failed", "waiting")
    assert job["reason"] is None
    folder = tmp_path / "hf-home/hub" / f"models--{repo.id.replace('/', '--')}"
    assert (folder / "snapshots" / sha / "again.bin").read_bytes() == DATA
    assert (folder / "refs/main").read_text() == sha
    assert list(jp_root_dir.iterdir()) == []


async def test_a_folder_waits_for_a_token_and_becomes_a_pull_request(
    hub, ask, act, reaches, jp_root_dir
):
    repo = hub.repo(members={"me"})
    repo.commit({"old.txt": b"old"})
    (jp_root_dir / "d").mkdir()
    for name, data in (("model.bin", DATA), ("config.json", b"{}")):
        (jp_root_dir / "d" / name).write_bytes(data)
    address, before = f"hf://{repo.id}/v2", repo.refs["main"]
    asked = {"source": "d", "destination": address, "kind": "send", "options": {"create_pr": True}}
    job = json.loads((await ask("jobs", method="POST", json=asked)).body)
    job = await reaches(job, "waiting")
    assert job["reason"]["detail"]["kind"] == "token_needed"
    await act(job, action="resume", options={"token": TOKEN})
    job = await reaches(job, "done")
    assert (job["verified"], job["progress"]["files_done"]) == (True, 2)
    assert job["reason"]["code"] == "pull_request"
    assert f"{hub.url}/{repo.id}/discussions/1" in job["reason"]["message"]
    assert repo.refs["main"] == before
    there = repo.commits[repo.refs["refs/pr/1"]]
    assert {path: blob.data for path, blob in there.items()} == {
        "old.txt": b"old",
        "v2/config.json": b"{}",
        "v2/model.bin": DATA,
    }
