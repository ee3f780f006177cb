"""Credentials are split off, found in .netrc for the exact host, and never shown."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64decode, b64encode
from urllib.parse import quote

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import (
    MASKS,
    Credential,
    Held,
    Vault,
    check_reference,
    from_netrc,
    is_reference,
    redact,
    redact_all,
    resolve,
    split_query,
    split_userinfo,
)


@pytest.mark.parametrize(
    ("url", "clean", "credential"),
    [
        ("https://h/x", "https://h/x", None),
        ("https://u:p@h:8/x?y#z", "https://h:8/x?y#z", Credential("u", "p")),
        ("https://TOKEN@h/x", "https://h/x", Credential("TOKEN", "")),
        ("https://u%40corp:p%3Aq@h/", "https://h/", Credential("u@corp", "p:q")),
        ("https://a@b:p@h/", "https://h/", Credential("a@b", "p")),
        ("https://@h/", "https://h/", None),
        ("s3://bucket/a@b", "s3://bucket/a@b", None),
        ("http://[::1", "http://[::1", None),
    ],
)
def test_split_userinfo(url, clean, credential):
    assert split_userinfo(url) == (clean, credential)


def test_authorization_headers():
    basic = Credential("Aladdin", "öpen").authorization()
    assert b64decode(basic.removeprefix("Basic ")).decode() == "Aladdin:öpen"
    assert Credential(token="t").authorization() == "Bearer t"


def test_a_credential_survives_the_pipe_and_hides_in_repr():
    credential = Credential("u", "hush", "hush2")
    assert Credential.from_dict(credential.as_dict()) == credential
    assert Credential.from_dict(None) is None
    assert "hush" not in repr(credential)


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    return path


def test_netrc_is_for_the_exact_host(netrc):
    netrc.write_text(
        "machine data.example login u password p\n"
        "machine empty.example login u\n"
        "default login any password dangerous\n"
    )
    assert from_netrc("data.example") == Credential("u", "p")
    for host in ("x.data.example", "data.example.evil", "example", "empty.example"):
        assert from_netrc(host) is None


@pytest.mark.parametrize("text", ["machine", "machine h login", "\x00\xff"])
def test_a_malformed_netrc_holds_nothing(netrc, text):
    netrc.write_text(text)
    assert from_netrc("h") is None
    netrc.unlink()
    assert from_netrc("h") is None


@pytest.mark.parametrize(
    "text",
    [
        "https://user:HUSH@host/x",
        "https://HUSH@host/x",
        "see https://a:HUSH@b@host/ there",
        "https://h/x?X-Amz-Signature=HUSH&X-Amz-Date=1",
        "https://h/x?a=1&X-Amz-Security-Token=HUSH",
        "https://h/x?X-Amz-Credential=HUSH%2Fus",
        "https://h/x?sv=1&sig=HUSH",
        "https://h/x?Signature=HUSH&Expires=5",
        "https://h/x?access_token=HUSH",
        "https://h/x?token=HUSH#f",
        "https://h/x?private-token=HUSH",
        "https://h/x?api_key=HUSH",
        "https://h/x?key=HUSH",
        "https://h/x?password=HUSH",
        "https://h/x?X-Goog-Signature=HUSH",
        "Authorization: Bearer HUSH",
        "authorization: Basic HUSH==",
        "Cookie: HUSH",
    ],
)
def test_redact(text):
    shown = redact(text)
    assert "HUSH" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    ["https://host/a@b", "mail me@host", "https://h/x?page=2&size=3", "a key of 5 letters", ""],
)
def test_redact_leaves_the_rest_alone(text):
    assert redact(text) == text


# ---- what a process knows is masked -------------------------------------------------------------

SECRET = "p&ss wörd/x?+"


@pytest.fixture
def known():
    MASKS.add(SECRET)
    yield
    MASKS.drop(SECRET)


@pytest.mark.parametrize(
    "text",
    [
        f"it said {SECRET}!",
        f"http://h/{quote(SECRET)}",
        f"http://h/?q={quote(SECRET, safe='')}",
        repr(SECRET),
        *("0" + b64encode(b"user:"[:n] + SECRET.encode()).decode() for n in range(1, 6)),
    ],
)
def test_a_known_secret_is_masked_in_every_form(known, text):
    shown = redact(text)
    assert "***" in shown
    for form in (SECRET, quote(SECRET), quote(SECRET, safe="")):
        assert form not in shown


def test_masked_only_while_somebody_holds_it():
    vault = Vault()
    vault.add("a", Held(options={"password": "correct-horse"}))
    vault.add("b", Held(Credential("u", "correct-horse")))
    vault.add("b", Held(options={"token": "battery"}))
    assert redact("correct-horse battery") == "*** ***"
    vault.drop("a")
    assert redact("correct-horse battery") == "*** ***"
    vault.drop("b")
    vault.drop("b")
    assert redact("correct-horse battery") == "correct-horse battery"
    assert "horse" not in repr(Held(Credential("u", "horse"), options={"x": "horse"}))


def test_a_short_secret_does_not_blot_out_words():
    MASKS.add("a", "")
    assert redact("a cat") == "a cat"
    MASKS.drop("a", "")


def test_redact_all(known):
    value = {"message": SECRET, "detail": [{"x": SECRET}, 5, None]}
    assert SECRET not in repr(redact_all(value))
    assert redact_all(value)["detail"][1:] == [5, None]


def test_nothing_secret_on_standard_error():
    script = (
        "import logging, threading\n"
        "from jupyter_transfer.secrets import MASKS, guard_stderr\n"
        "MASKS.add('correct-horse'); guard_stderr()\n"
        "logging.getLogger('x').error('it was %s', 'correct-horse')\n"
        "def fail():\n    raise ValueError('correct-horse')\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "fail()\n"
    )
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert run.stderr.count("ValueError: ***") == 2
    assert "it was ***" in run.stderr
    assert "correct-horse" not in run.stderr.replace("'correct-horse'", "")  # lines of source


# ---- references ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["env:A_B", "file:/x", "file:~/x", "keyring:svc/me", "ENV:X"])
def test_references(text):
    assert is_reference(text)
    check_reference(text)


@pytest.mark.parametrize("text", ["env:", "env:a-b", "file:x", "file:", "keyring:x", "keyring:/x"])
def test_malformed_references(text):
    with pytest.raises(TransferError) as caught:
        check_reference(text)
    assert caught.value.code == "bad_request"
    assert text.partition(":")[2] not in caught.value.message.partition(":")[2] or text[-1] == ":"


@pytest.mark.parametrize("text", ["hunter2", "", None, 5, "https://h/", "environment"])
def test_what_is_no_reference(text):
    assert not is_reference(text)


def refused(reference: str, *folders: str) -> str:
    with pytest.raises(TransferError) as caught:
        resolve(reference, folders)
    assert caught.value.code == "needs_credentials"
    return caught.value.message


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def put(path, text="hunter2", mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return f"file:{path}"


def test_from_the_environment(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "hunter2")
    assert resolve("env:MY_TOKEN") == "hunter2"
    assert redact("hunter2") == "***"
    monkeypatch.delenv("MY_TOKEN")
    refused("env:MY_TOKEN")


def test_from_a_file_of_the_person(home):
    reference = put(home / "s", "hunter2\n")
    assert resolve(reference) == "hunter2"
    assert resolve("file:~/s") == "hunter2"
    (home / "link").symlink_to(home / "s")
    assert resolve("file:~/link") == "hunter2"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(home, mode):
    assert "0600" in refused(put(home / "s", mode=mode))


def test_files_elsewhere_are_refused(home, tmp_path):
    (tmp_path / "homely").mkdir()
    reference = put(tmp_path / "homely" / "s")
    refused(reference)
    (home / "link").symlink_to(tmp_path / "homely" / "s")
    refused("file:~/link")
    refused(f"file:{home}/../homely/s")
    assert resolve(reference, [str(tmp_path / "homely")]) == "hunter2"


def test_a_mounted_kubernetes_secret(home, tmp_path):
    """Its files are links to links, and have the mode 0644."""
    mount = tmp_path / "secrets"
    (mount / "..2026").mkdir(parents=True)
    put(mount / "..2026" / "key", mode=0o644)
    (mount / "..data").symlink_to("..2026")
    (mount / "key").symlink_to("..data/key")
    assert resolve(f"file:{mount}/key", [str(mount)]) == "hunter2"


def test_what_is_no_secret_file(home):
    os.mkfifo(home / "pipe")
    (home / "pipe").chmod(0o600)
    (home / "folder").mkdir(mode=0o700)
    (home / "binary").write_bytes(b"\xff\xfe")
    (home / "binary").chmod(0o600)
    (home / "big").write_bytes(b"x" * 100_000)
    (home / "big").chmod(0o600)
    put(home / "empty", "")
    for name in ("pipe", "folder", "binary", "big", "empty", "missing"):
        message = refused(f"file:~/{name}")
        assert str(home) not in message


def test_from_the_keyring(tmp_path, monkeypatch):
    keyring = pytest.importorskip("keyring")
    from .servers.keyrings import FileKeyring

    (tmp_path / "k.json").write_text('{"svc/x/me": "hunter2"}')
    monkeypatch.setenv("CANARY_KEYRING", str(tmp_path / "k.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())
    try:
        assert resolve("keyring:svc/x/me") == "hunter2"
        refused("keyring:svc/you")
        (tmp_path / "k.json").unlink()
        refused("keyring:svc/x/me")
    finally:
        keyring.set_keyring(before)


# ---- queries that hold a signature -----------------------------------------------------


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("X-Amz-Date=2&X-Amz-Signature=5ec9e7&a=b", "X-Amz-Date=2&a=b"),
        ("x-amz-security-token=5ec9e7", ""),
        ("X-Goog-Signature=5ec9e7&X-Goog-Date=1", "X-Goog-Date=1"),
        ("AWSAccessKeyId=AK&Signature=5ec9e7%3D&Expires=9", "AWSAccessKeyId=AK&Expires=9"),
        ("sv=2024&sig=5ec9e7&se=1", "sv=2024&se=1"),
        ("q-ak=AK&q-signature=5ec9e7", "q-ak=AK"),
        ("x-oss-signature=5ec9e7&x-cos-security-token=5ec9e7", ""),
        ("token=5ec9e7", ""),
        ("access_token=5ec9e7&id=5", "id=5"),
        ("id=5&private%5Ftoken=5ec9e7", "id=5"),
        ("api_key=5ec9e7&apikey=5ec9e7&api-key=5ec9e7", ""),
        ("password=5ec9e7&pwd=5ec9e7&auth=5ec9e7&jwt=5ec9e7", ""),
        ("key=AIzaSyA-1234567890_abcdefgh5ec9e7&alt=media", "alt=media"),
        ("Policy=e30&Key-Pair-Id=K1&Signature=5ec9e7~", "Policy=e30&Key-Pair-Id=K1"),
    ],
)
def test_what_is_secret_in_a_query(query, shown):
    clean, whole = split_query(f"https://h.example/a/b?{query}#part")
    assert clean == f"https://h.example/a/b{'?' * bool(shown)}{shown}#part"
    assert whole == query
    values = Held(options={"query": whole}).values()
    assert all(len(value) < 8 or "5ec9e7" in value for value in values)


@pytest.mark.parametrize(
    "url",
    [
        "https://h.example/a",
        "https://h.example/a?",
        "https://h.example/a?id=5&name=a%20b",
        "https://h.example/a?key=reports/2026/all-the-figures.csv&code=42",
        "https://h.example/a?token=",
        "https://h.example/a#x?token=1",
        "https://h.example/token=1",
        "https://h.example/a?design=5&signal=6&tokens=7&monkey=8",
    ],
)
def test_a_query_without_secrets_stays(url):
    assert split_query(url) == (url, None)


def test_variables_that_the_administrator_keeps_back(monkeypatch):
    monkeypatch.setenv("JOBS_TOKEN", "for-jobs")
    monkeypatch.setenv("OTHER_TOKEN", "not-for-jobs")
    assert resolve("env:JOBS_TOKEN", variables=["JOBS_*"]) == "for-jobs"
    for variables in (["JOBS_*"], []):
        with pytest.raises(TransferError) as caught:
            resolve("env:OTHER_TOKEN", variables=variables)
        assert caught.value.code == "needs_credentials"
        assert "not-for-jobs" not in str(caught.value.as_dict())


def test_the_parts_of_a_secret_are_secret():
    headers = "X-Key: canary-header-1\nAuthorization: Bearer canary-header-2\nA: b"
    remote = '{"pass": "canary-json-3", "short": "x"}'
    found = Held(options={"headers": headers, "remote_secrets": remote}).values()
    for secret in ("canary-header-1", "canary-header-2", "canary-json-3", headers, remote):
        assert secret in found
    assert "x" not in found
    assert "b" not in found
