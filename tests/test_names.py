"""Paths and names as text: what is refused, what is made of a name that someone proposed."""

from __future__ import annotations

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.names import (
    STAGING,
    alternative_names,
    is_sent_part,
    parse_path,
    safe_name,
)

BAD_PATHS = [
    "../x",
    "a/../../x",
    "a/..",
    "..",
    "/etc/passwd",
    "//x",
    "./x",
    "a//b",
    "a/./b",
    "a\0b",
    "\0",
    "x" * 256,
    "é" * 128,
    "/".join(["d" * 200] * 21),
    "/".join(["d"] * 10_000),
]
BAD_NEW_PATHS = [
    "..\\x",
    "C:\\x",
    "\\\\host\\share",
    "a\nb",
    "a\x1b[2Jb",
    "a\x7fb",
    "photo\u202egpj.exe",
    "a\ud800b",
]
HIDDEN_PATHS = [".ssh/authorized_keys", "x/.env", "a/.ipynb_checkpoints/b", "..."]


def code_of(action) -> str:
    with pytest.raises(TransferError) as caught:
        action()
    assert "/tmp" not in caught.value.message
    return caught.value.code


@pytest.mark.parametrize("path", BAD_PATHS)
def test_bad_paths_are_refused(path):
    assert code_of(lambda: parse_path(path, allow_hidden=True)) == "invalid_path"


@pytest.mark.parametrize("path", BAD_NEW_PATHS)
def test_names_that_we_would_not_create(path):
    assert code_of(lambda: parse_path(path, new=True)) == "invalid_path"


@pytest.mark.parametrize("path", HIDDEN_PATHS)
def test_hidden_paths(path):
    assert code_of(lambda: parse_path(path)) == "hidden_path"
    assert parse_path(path, allow_hidden=True) == path


@pytest.mark.parametrize("path", [STAGING, f"a/{STAGING}", f"{STAGING}/x.part"])
def test_the_staging_folder_is_nobodys(path):
    assert code_of(lambda: parse_path(path, allow_hidden=True)) == "hidden_path"


@pytest.mark.parametrize(
    ("path", "normal"),
    [("", ""), (".", ""), ("/", ""), ("a", "a"), ("a/b/", "a/b"), ("数据/训练 集.csv",) * 2],
)
def test_good_paths(path, normal):
    assert parse_path(path, new=True) == normal


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\x.txt", "x.txt"),
        ("a/b/", "b"),
        (".bashrc", "bashrc"),
        ("..", "download"),
        ("", "download"),
        ("a\r\nb\0c\x1b.txt", "abc.txt"),
        ("name. . ", "name"),
        ("gpj\u202e.exe", "gpj.exe"),
        ("a\ud800.txt", "a.txt"),
        ("résumé 数据.csv", "résumé 数据.csv"),
    ],
)
def test_safe_name(given, safe):
    assert safe_name(given) == safe
    assert parse_path(safe_name(given), new=True) == safe


def test_a_long_name_keeps_its_extension():
    name = safe_name("数" * 200 + ".tar.gz")
    assert len(name.encode()) <= 255
    assert name.endswith("数.tar.gz")


def test_alternative_names():
    names = alternative_names("data.tar.gz")
    assert [next(names) for _ in range(3)] == ["data.tar.gz", "data (1).tar.gz", "data (2).tar.gz"]
    longest = "x" * 251 + ".csv"
    names = alternative_names(longest)
    next(names)
    assert len(next(names)) == 255


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("a/.x.bin.0123456789abcdef.part", True),
        (".x.0123456789ab.part", True),
        ("a/b/.x.01234567.partial", True),
        (".x.0123456789abcdef.part~", True),
        ("x.0123456789abcdef.part", False),
        (".x.part", False),
        (".x.0123456789abcdef.part/x", False),
    ],
)
def test_what_is_on_its_way_to_a_service(path, ours):
    assert is_sent_part(path) is ours
