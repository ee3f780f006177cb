"""The texts of files with logins, judged by those who read them: configparser and netrc."""

from __future__ import annotations

import configparser
import netrc

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.loginfiles import with_machine, with_section

KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "s/e+c=r#e;t"}


def read(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="none of them")
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("", set()),
        ("[default]\n", set()),
        ("[default]\naws_access_key_id=old\naws_secret_access_key = old\n", set()),
        ("[a]\nx = 1\n\n[default]\naws_access_key_id: old\n\n[b]\ny = 2", {"a", "b"}),
        ("# a comment\n[a]\nx = 1\n  continued = yes\n", {"a"}),
        ("[default]\nAWS_ACCESS_KEY_ID = old\ns3 =\n  addressing_style = path\n[b]\n", {"b"}),
        ("[ default ]\nx = 1\n", {" default "}),
    ],
)
def test_a_section_gets_keys(text, others):
    before, after = read(text), read(with_section(text, "default", KEYS))
    assert KEYS.items() <= after["default"].items()
    assert set(after) == others | {"default"}
    assert all(after[other] == before[other] for other in others)
    kept = {k: v for k, v in before.get("default", {}).items() if k not in KEYS}
    assert kept.items() <= after["default"].items()


def test_comments_and_order_stay():
    text = "# mine\n[b]\nx=1 # why\n\n; yours\n[a]\ny=2\n"
    assert (
        with_section(text, "b", {"z": "3"})
        == "# mine\n[b]\nx=1 # why\n\n; yours\nz = 3\n[a]\ny=2\n"
    )


def test_the_same_again_changes_nothing():
    once = with_section("[a]\nx = 1\n", "b", KEYS)
    assert with_section(once, "b", KEYS) == once


@pytest.mark.parametrize("secret", ["a\nb", "a\r[x]", " a", "a\0"])
def test_no_secret_makes_lines_of_its_own(secret):
    with pytest.raises(TransferError):
        with_section("", "default", {"key": secret})
    with pytest.raises(TransferError):
        with_machine("", "host", "me", secret)


@pytest.mark.parametrize("name", ["", "a]b", "a\n[b"])
def test_no_name_of_a_section(name):
    with pytest.raises(TransferError):
        with_section("", name, KEYS)


# ---- .netrc -------------------------------------------------------------------------------------

MACRO = "macdef init\ncd /pub\nmachine in-a-macro login x password y\n\n"


@pytest.mark.parametrize(
    "password", ["simple", "with blank", 'a"quote', "back\\slash", "#hash", "é✓"]
)
@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("", set()),
        ("machine host login old password old", set()),
        ("machine a\n  login b\n  password c\nmachine host\n login d\n password e\n", {"a"}),
        ("# machine host login no password no\nmachine a login b password c\n", {"a"}),
        (
            "machine a login host password host\n\ndefault login anonymous password x\n",
            {"a", "default"},
        ),
        ("machine a login machine password default\n" + MACRO, {"a"}),
        ("machine host login o password o machine a login b password c", {"a"}),
    ],
)
def test_a_machine_gets_a_login(tmp_path, text, others, password):
    def parsed(content: str) -> netrc.netrc:
        (tmp_path / "netrc").write_text(content, encoding="utf-8")
        return netrc.netrc(str(tmp_path / "netrc"))

    before = parsed(text).hosts
    changed = with_machine(text, "host", "me", password)
    after = parsed(changed)
    assert after.hosts.pop("host")[::2] == ("me", password)
    assert after.hosts == {name: before[name] for name in others}
    assert ("in-a-macro" in changed) == ("in-a-macro" in text)
    assert ("# machine" in changed) == ("# machine" in text)
    assert changed.count("me") == with_machine(changed, "host", "me", password).count("me")


def test_default_stays_last():
    changed = with_machine("default login a password b\n", "host", "me", "x")
    assert changed.index("machine host") < changed.index("default")
