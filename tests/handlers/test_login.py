"""Signing in: the service is asked, and what it takes is kept where its official client looks."""

from __future__ import annotations

import json
import stat

import pytest
from huggingface_hub import get_token
from jupyter_server.auth import Authorizer

from ..conftest import error_of
from ..servers.git import running_git
from ..servers.huggingface import TOKEN, running_hub
from ..servers.modelscope import TOKEN as MODELSCOPE_TOKEN
from ..servers.modelscope import running_modelscope

WRONG = "hf_aTokenThatNobodyHas0123456789"


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
    running.repos.clear()
    return running


@pytest.fixture
def sign_in(ask):
    async def send(url, keep=False, **options):
        asked = {"url": url, "options": options, "keep": keep}
        answer = await ask("login", method="POST", json=asked)
        assert not any(value in answer.body.decode() for value in options.values())
        return json.loads(answer.body)

    return send


async def test_who_it_is_and_nothing_is_kept(hub, sign_in, tmp_path):
    told = await sign_in(f"hf://{hub.repo().id}", token=TOKEN)
    assert told == {"service": "127.0.0.1", "name": "me", "used": None}
    assert not (tmp_path / "hf-home").exists()


async def test_kept_as_the_official_client_does_and_a_job_goes_on(
    hub, sign_in, post, act, reaches, tmp_path, jp_root_dir
):
    repo = hub.repo(private=True, members={"me"})
    repo.commit({"a.txt": b"a"})
    job = await reaches(await post(f"{hub.url}/{repo.id}", "m"), "waiting")
    assert (await sign_in(job["source"], keep=True, token=TOKEN))["used"] is True
    kept = tmp_path / "hf-home" / "token"
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (TOKEN, 0o600)
    await act(job, action="resume")
    assert (await reaches(job, "done", "failed"))["verified"] is True
    assert (jp_root_dir / "m/a.txt").read_bytes() == b"a"


async def test_a_variable_comes_before_what_was_kept(hub, sign_in, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRONG)
    assert (await sign_in(f"hf://{hub.repo().id}", keep=True, token=TOKEN))["used"] is False


@pytest.mark.parametrize(
    ("options", "code", "kind"),
    [
        ({"token": WRONG}, "needs_credentials", "token_refused"),
        ({}, "bad_request", None),
        ({"token": "env:GOOD_TOKEN"}, "bad_request", None),
    ],
)
async def test_nothing_is_kept_of_what_is_refused(
    hub, ask, tmp_path, monkeypatch, options, code, kind
):
    monkeypatch.setenv("GOOD_TOKEN", TOKEN)
    asked = {"url": f"hf://{hub.repo().id}", "options": options, "keep": True}
    failure = await ask("login", method="POST", json=asked)
    error = error_of(failure)
    assert (error["code"], error["detail"].get("kind")) == (code, kind)
    assert WRONG not in json.dumps(error)
    assert not (tmp_path / "hf-home").exists()


async def test_nothing_is_kept_for_a_hub_that_the_client_does_not_ask(hub, ask, monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT")
    options = {"token": TOKEN, "endpoint": hub.url}
    asked = {"url": f"hf://{hub.repo().id}", "options": options}
    assert json.loads((await ask("login", method="POST", json=asked)).body)["name"] == "me"
    failure = await ask("login", method="POST", json={**asked, "keep": True})
    assert error_of(failure)["code"] == "bad_request"
    assert get_token() is None


async def test_a_service_without_such_a_login(ask):
    failure = await ask("login", method="POST", json={"url": "https://127.0.0.1/x", "options": {}})
    assert error_of(failure)["code"] == "bad_request"


class _OnlyTransfers(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "kernels"


async def test_who_may_not_run_code_signs_in_for_a_transfer_only(
    hub, ask, sign_in, jp_serverapp, tmp_path
):
    jp_serverapp.web_app.settings["authorizer"] = _OnlyTransfers(parent=jp_serverapp)
    address = f"hf://{hub.repo().id}"
    assert (await sign_in(address, token=TOKEN))["name"] == "me"
    asked = {"url": address, "options": {"token": TOKEN}, "keep": True}
    failure = await ask("login", method="POST", json=asked)
    assert error_of(failure)["code"] == "forbidden"
    assert not (tmp_path / "hf-home").exists()


async def test_modelscope(sign_in, monkeypatch, tmp_path):
    monkeypatch.delenv("MODELSCOPE_API_TOKEN", raising=False)
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms"))
    with running_modelscope() as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.url)
        told = await sign_in("modelscope://o/n", keep=True, token=MODELSCOPE_TOKEN)
    assert (told["name"], told["used"]) == ("me", True)
    assert (tmp_path / "ms/credentials/cookies").exists()


async def test_a_host_of_git(sign_in, ask, monkeypatch, tmp_path):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with running_git(tmp_path) as server:
        server.user, server.password = "x-access-token", "git-canary-5599"
        made = server.repository("private")
        made.commit({"a": b"a"})
        told = await sign_in(made.address, keep=True, token="git-canary-5599")
        assert told == {"service": "127.0.0.1", "name": "x-access-token", "used": True}
        kept = (tmp_path / "netrc").read_text()
        assert kept == "machine 127.0.0.1 login x-access-token password git-canary-5599\n"
        asked = {"url": made.address, "options": {"token": "wrong-canary-5599"}}
        failure = await ask("login", method="POST", json=asked)
        assert error_of(failure)["detail"]["kind"] == "token_refused"
