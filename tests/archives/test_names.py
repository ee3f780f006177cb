"""Names that every system can unpack."""

from __future__ import annotations

import pytest

from jupyter_transfer.archives.names import Names, portable_name


@pytest.mark.parametrize(
    ("name", "portable"),
    [
        ("plain.txt", "plain.txt"),
        ("数据 ☕.csv", "数据 ☕.csv"),
        ("..\\..\\evil.exe", ".._.._evil.exe"),
        ("a\\b", "a_b"),
        ("line\nbreak\x1b[31m", "line_break_[31m"),
        ("gpj.\u202eexe", "gpj._exe"),
        ("2024-01-01T10:00.csv", "2024-01-01T10_00.csv"),
        ('<a>"b"|c?*', "_a__b__c__"),
        ("dots...", "dots___"),
        ("space ", "space_"),
        ("...", "___"),
        ("CON", "CON_"),
        ("aux.txt", "aux_.txt"),
        ("com1.tar.gz", "com1_.tar.gz"),
        ("console.log", "console.log"),
        (b"latin-\xe9".decode("utf-8", "surrogateescape"), "latin-\N{REPLACEMENT CHARACTER}"),
        (".hidden", ".hidden"),
    ],
)
def test_portable_name(name, portable):
    assert portable_name(name) == portable
    assert portable_name(portable) == portable


def test_equal_names_are_told_apart():
    names = Names()
    taken = [names.take(name) for name in ("a\\b", "a:b", "a_b", "a_b (1)", "a_b")]
    assert taken[0] == "a_b"
    assert len(set(taken)) == 5


def test_very_many_equal_names():
    names = Names()
    assert len({names.take(chr(code) + "x") for code in range(1, 32)}) == 31
    assert len({names.take("same.txt") for _ in range(20_000)}) == 20_000


def test_numbered_name_keeps_within_255_bytes():
    names = Names()
    long = "é" * 120 + ".tar.gz"
    first, second = names.take(long), names.take(long)
    assert first == long
    assert second != long
    assert len(second.encode()) <= 255
    assert second.endswith(" (1).tar.gz")
