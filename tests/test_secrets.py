"""Credentials are split off, found in .netrc for the exact host, and never shown."""

from __future__ import annotations

from base64 import b64decode

import pytest

from jupyter_transfer.secrets import Credential, from_netrc, redact, split_userinfo


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
