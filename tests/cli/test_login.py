"""``jupyter transfer login``: checked at real servers, judged by the official clients."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ..servers.ftp import PASSWORD, USER, running_ftp
from ..servers.huggingface import TOKEN, running_hub
from ..servers.modelscope import TOKEN as MODELSCOPE_TOKEN
from ..servers.modelscope import running_modelscope
from ..servers.s3 import KEY, SECRET, running_rclone
from .conftest import Shell
from .test_here import at_terminal


@pytest.fixture(scope="module")
def hub():
    with running_hub() as server:
        yield server


@pytest.fixture
def person(shell: Shell) -> Shell:
    """A shell in which no variable of this machine leads to a login."""
    for name in [*os.environ, "NETRC"]:
        if (
            name.startswith(("HF_", "HUGGING", "MODELSCOPE_", "AWS_", "NETRC", "RCLONE_"))
            and "CA_" not in name
        ):
            shell.variables[name] = ""
    shell.variables["XDG_CACHE_HOME"] = str(shell.home / ".cache")
    return shell


def entered(shell: Shell, secret: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``login`` with `secret` at standard input."""
    process = shell.start("login", *arguments, stdin=subprocess.PIPE)
    stdout, stderr = process.communicate(secret + "\n", timeout=60)
    assert secret not in stdout + stderr
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def asked(shell: Shell, code: str) -> str:
    """What a Python process of the person says."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(shell: Shell) -> list[str]:
    return sorted(str(p.relative_to(shell.home)) for p in shell.home.rglob("*") if p.is_file())


def test_the_official_client_finds_the_token(person, hub):
    person.variables["HF_ENDPOINT"] = hub.url
    done = entered(person, TOKEN, "huggingface")
    assert done.returncode == 0, done.stderr
    folder = person.home / ".cache" / "huggingface"
    assert mode(folder / "token") == mode(folder / "stored_tokens") == 0o600
    assert mode(folder) == 0o700
    judged = (
        "import huggingface_hub as h; from huggingface_hub.utils import get_stored_tokens as s\n"
    )
    told = asked(person, judged + "print(h.get_token(), h.whoami()['name'], s())")
    assert told == f"{TOKEN} me {{'me': '{TOKEN}'}}"


def test_the_official_client_of_modelscope_finds_the_token(person):
    with running_modelscope() as server:
        person.variables["MODELSCOPE_ENDPOINT"] = server.url
        refused = entered(person, "wrong-wrong-wrong", "modelscope")
        assert (refused.returncode, files(person)) == (4, [])
        done = entered(person, MODELSCOPE_TOKEN, "modelscope")
        assert done.returncode == 0, done.stderr
        assert mode(person.home / ".modelscope/credentials/cookies") == 0o600
        told = asked(
            person,
            "from modelscope_hub.config import HubConfig; print(HubConfig().load_token())",
        )
        assert told == MODELSCOPE_TOKEN


def test_a_wrong_token_is_not_kept(person, hub):
    person.variables["HF_ENDPOINT"] = hub.url
    done = entered(person, "hf_wrongwrongwrong", "huggingface")
    assert done.returncode == 4
    assert "does not accept" in done.stderr
    assert files(person) == []


def test_a_token_that_cannot_be_checked(person, tmp_path):
    person.variables["HF_ENDPOINT"] = "http://127.0.0.1:9"
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    done = person.run("login", "huggingface", "--token-file", str(token))
    assert (done.returncode, files(person)) == (1, [])
    done = person.run("login", "huggingface", "--token-file", str(token), "--no-check", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checked"] is False
    assert (person.home / ".cache/huggingface/token").read_text() == TOKEN


@pytest.mark.parametrize(
    "arguments",
    [
        ["login", TOKEN],
        ["login", "huggingface", TOKEN],
        ["login", "huggingface", "--token", TOKEN],
        ["login", "ftp", f"ftp://me:{TOKEN}@127.0.0.1/"],
        ["login", "rclone", TOKEN, TOKEN],
    ],
)
def test_a_secret_in_a_command_is_refused_and_not_repeated(person, arguments):
    done = person.run(*arguments)
    assert done.returncode == 2
    assert TOKEN not in done.stdout + done.stderr
    assert files(person) == []


def test_a_token_is_typed_without_being_shown(person, hub):
    person.variables["HF_ENDPOINT"] = hub.url
    answers = {b"token: ": TOKEN.encode() + b"\n"}
    code, seen = at_terminal(person, "login", "huggingface", answers=answers)
    assert code == 0, seen
    assert TOKEN not in seen


def test_a_profile_of_aws(person, tmp_path_factory):
    (person.home / ".aws").mkdir()
    credentials = person.home / ".aws" / "credentials"
    credentials.write_text("# mine\n[default]\naws_access_key_id = other\n")
    with running_rclone(tmp_path_factory.mktemp("s3")) as server:
        flags = ["s3", "--username", KEY, "--profile", "lab", "--endpoint", server.url]
        flags += ["--region", "us-east-1"]
        refused = entered(person, "wrong-secret-wrong-secret", *flags)
        assert refused.returncode == 4, refused.stderr
        assert "lab" not in credentials.read_text()
        done = entered(person, SECRET, *flags)
        assert done.returncode == 0, done.stderr
        assert mode(credentials) == 0o600
        assert credentials.read_text().startswith("# mine\n[default]\naws_access_key_id = other\n")
        told = asked(
            person,
            "import boto3; s = boto3.Session(profile_name='lab'); c = s.client('s3')\n"
            "print(c.meta.endpoint_url, s.region_name, s.get_credentials().secret_key)",
        )
        assert told == f"{server.url} us-east-1 {SECRET}"
        (person.home / ".aws/config").read_text().index("[profile lab]")
        assert person.run("ls", "s3://", "--profile", "lab").returncode == 0


def test_a_login_of_a_host(person, tmp_path_factory):
    with running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        (server.files / "a.txt").write_text("a")
        refused = entered(person, "wrong-password", "ftp", server.address(), "--username", USER)
        assert (refused.returncode, files(person)) == (4, [])
        done = entered(person, PASSWORD, "ftp", server.address(), "--username", USER)
        assert done.returncode == 0, done.stderr
        assert mode(person.home / ".netrc") == 0o600
        assert person.run("get", server.address("a.txt")).returncode == 0
    assert person.names() == ["a.txt"]


def test_a_login_of_a_web_server(person, nginx):
    (nginx.files / "mine.txt").write_text("mine")
    address = f"{nginx.url}/private/mine.txt"
    login = ["http", address, "--username", "ann"]
    refused = entered(person, "wrong-password", *login)
    assert (refused.returncode, files(person)) == (4, [])
    assert entered(person, "canary-of-a-web-server", *login).returncode == 0
    assert person.run("get", address).returncode == 0


def test_the_keyring(person, tmp_path):
    kept = tmp_path / "keyring.json"
    kept.write_text("{}")
    person.variables |= {
        "PYTHON_KEYRING_BACKEND": "tests.servers.keyrings.FileKeyring",
        "CANARY_KEYRING": str(kept),
    }
    done = entered(person, TOKEN, "huggingface", "--no-check", "--keyring", "hub/me")
    assert done.returncode == 0, done.stderr
    assert "--token keyring:hub/me" in done.stdout
    assert json.loads(kept.read_text()) == {"hub/me": TOKEN}


def test_rclone_asks_for_itself(person):
    code, seen = at_terminal(person, "login", "rclone", answers={b"q> ": b"q\n"})
    assert code == 0, seen
    assert "New remote" in seen
    assert person.run("login", "rclone").returncode == 2  # no terminal
