"""Which files are meant: patterns against a naive model, bounds, rules, malformed options."""

from __future__ import annotations

import re
import time
import unicodedata
from functools import lru_cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_transfer.backends.base import Entry
from jupyter_transfer.engine.filters import Filters
from jupyter_transfer.engine.patterns import Patterns
from jupyter_transfer.errors import TransferError


def matches(pattern: str, path: str) -> bool:
    return Patterns([pattern]).first(path) is not None


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        # rclone's own examples (rclone.org/filtering)
        ("file.jpg", ["file.jpg", "directory/file.jpg"], ["afile.jpg", "directory/afile.jpg"]),
        ("/file.jpg", ["file.jpg"], ["afile.jpg", "directory/file.jpg"]),
        ("*.jpg", ["file.jpg", "directory/file.jpg"], ["file.jpg/anotherfile.png"]),
        ("/*.jpg", ["file.jpg"], ["directory/file.jpg"]),
        ("dir/**", ["dir/file.jpg", "dir/dir1/dir2/file.jpg"], ["directory/file.jpg", "adir/file"]),
        ("*.j?g", ["a.jpg", "a.jxg"], ["a.jpeg", "a.j/g"]),
        ("*.p[nm]g", ["a.png", "a.pmg"], ["a.pdg", "a.p/g"]),
        ("{one,two}_potato", ["one_potato", "x/two_potato"], ["three_potato", "_potato"]),
        (r"\*.jpg", ["*.jpg"], ["a.jpg"]),
        (r"\\.jpg", ["\\.jpg"], ["a.jpg"]),
        (r"\[one\].jpg", ["[one].jpg"], ["o.jpg"]),
        ("dir1/", ["dir1/a", "dir1/b/c", "x/dir1/a"], ["dir1", "adir1/a"]),
        ("/dir1/", ["dir1/a"], ["x/dir1/a"]),
        # and the rest
        ("**", ["a", "a/b"], []),
        ("*", ["a", "a/b"], []),
        ("/*", ["a"], ["a/b"]),
        ("/**/x", ["a/x", "a/b/x"], ["x", "ax"]),
        ("a**z", ["az", "a/b/z", "q/a/z"], ["za"]),
        ("/a{b,c/d,*e}f", ["abf", "ac/df", "axxef", "aef"], ["af", "ax/ef"]),
        ("{a,{b,c}d}", ["a", "bd", "cd"], ["ad", "b"]),
        ("{,x}y", ["y", "xy"], ["xxy", "zy"]),
        ("[!a-c]x", ["dx"], ["ax", "cx", "/x"]),
        ("[^a]", ["b"], ["a"]),
        ("[]]", ["]"], ["["]),
        ("[a-]", ["a", "-"], ["b"]),
        (r"[\]x]", ["]", "x"], ["\\"]),
        ("a,b", ["a,b"], ["a", "b"]),
        ("K\u00e4se", ["Ka\u0308se", "K\u00e4se"], ["Kase"]),
        ("?", ["\U0001f600", "\u00e4", "a\u0308"], ["ab"]),
    ],
)
def test_patterns(pattern, good, bad):
    for path in good:
        assert matches(pattern, path), path
    for path in bad:
        assert not matches(pattern, path), path


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("/", "empty"),
        ("a[b", "in the middle"),
        ("a{b,c", "in the middle"),
        ("a}", "without its"),
        ("a]", "without its"),
        ("a***", "two"),
        ("a\\", "in the middle"),
        ("[z-a]", "backward"),
        ("{{a.*}}", "regular expression"),
        ("x" * 5000, "too long"),
        ("{a,b,c,d,e,f,g,h,i,j}" * 5, "too many"),
    ],
)
def test_malformed_patterns_say_what_is_wrong(pattern, words):
    with pytest.raises(TransferError) as caught:
        Patterns([pattern])
    assert caught.value.code == "bad_request"
    assert words in caught.value.message


def test_no_pattern_is_slow():
    evil = Patterns(["*a" * 300 + "b", "**a" * 300 + "c", "{a,aa}*{a,aa}*{a,aa}*x"])
    path = "/".join(["a" * 200] * 15)
    started = time.perf_counter()
    assert evil.first(path) is None
    assert time.perf_counter() - started < 5


# ---- a naive model: tokens as they are written, tried one way after the other ------------------

PIECES = st.sampled_from(
    ["a", "b", "/", "*", "**", "?", "[ab]", "[!a]", "{a,b/a}", "{,*b}", ".", "\\*", "\u00e4"]
)
PATTERNS = st.lists(PIECES, min_size=1, max_size=7).map("".join)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "/", "*", ".", "\u00e4"]), max_size=9).map("".join)


def model(pattern: str, path: str) -> bool:
    anchored = pattern.startswith("/")
    text = pattern[1:] if anchored else pattern
    if text.endswith("/"):
        text += "**"
    # No piece holds braces within braces, so they can be written out by hand.
    pieces = re.findall(r"\{[^}]*\}|\[[^\]]*\]|\\.|\*\*|.", text)
    choices = [p[1:-1].split(",") if p.startswith("{") else [p] for p in pieces]
    starts = [0] if anchored else [0, *(i + 1 for i, c in enumerate(path) if c == "/")]
    for choice in product(*choices):
        tokens = tuple(t for p in choice for t in re.findall(r"\[[^\]]*\]|\\.|\*\*|.", p))
        if any(fits(tokens, path[start:]) for start in starts):
            return True
    return False


@lru_cache(100_000)
def fits(tokens: tuple[str, ...], path: str) -> bool:
    if not tokens:
        return not path
    token, rest = tokens[0], tokens[1:]
    if token in ("*", "**"):
        if fits(rest, path):
            return True
        return bool(path) and (token == "**" or path[0] != "/") and fits(tokens, path[1:])
    if not path:
        return False
    if token == "?":
        good = path[0] != "/"
    elif token.startswith("["):
        good = path[0] != "/" and ((path[0] in token[1:-1]) != (token[1] == "!"))
    else:
        good = path[0] == token[-1]
    return good and fits(rest, path[1:])


@settings(max_examples=1500, deadline=None)
@given(PATTERNS, PATHS)
def test_patterns_are_what_the_model_says(pattern, path):
    if "***" in re.sub(r"\\.", "x", pattern) or pattern == "/":
        with pytest.raises(TransferError):
            Patterns([pattern])
        return
    compiled = Patterns([pattern])
    assert (compiled.first(path) == 0) == model(pattern, unicodedata.normalize("NFC", path))


@settings(max_examples=500, deadline=None)
@given(st.lists(PATTERNS, min_size=1, max_size=5), PATHS)
def test_the_first_of_many_patterns(patterns, path):
    try:
        compiled = Patterns(patterns)
    except TransferError:
        return
    found = [number for number, pattern in enumerate(patterns) if model(pattern, path)]
    assert compiled.first(path) == (found[0] if found else None)


# ---- options ------------------------------------------------------------------------------------

NOW = 1_700_000_000.0


def admits(path: str, size: int | None = None, age: float | None = None, **options) -> bool:
    mtime_ns = None if age is None else int((NOW - age) * 1e9)
    return Filters(options, NOW).admit(path, size, mtime_ns)


def test_include_and_exclude():
    options = {"include": ["*.csv", "/keep/"], "exclude": ["tmp/", "*.old.csv"]}
    assert admits("a.csv", **options)
    assert admits("keep/any", **options)
    assert not admits("b.txt", **options)
    assert not admits("tmp/a.csv", **options)
    assert not admits("keep/tmp/any", **options)
    assert not admits("x.old.csv", **options)
    assert admits("b.txt", exclude="*.csv")
    assert not admits("a.csv", exclude="*.csv")


def test_the_first_rule_that_matches_decides():
    rules = ["# notes", "- secret*.jpg", "+ *.jpg", "+ /dir/", "", "- *"]
    assert not admits("secret17.jpg", filter=rules)
    assert admits("a/b.jpg", filter=rules)
    assert admits("dir/x", filter=rules)
    assert not admits("x", filter=rules)
    assert admits("x", filter=["- *", "!", "- y"])
    assert not admits("y", filter=["+ *", "!", "- y"])
    assert admits("z", filter=["- y"])
    assert not admits("a.jpg", filter=rules, exclude=["a.*"])


@pytest.mark.parametrize(
    ("options", "size", "good"),
    [
        ({"min_size": 10}, 10, True),
        ({"min_size": 10}, 9, False),
        ({"max_size": "1K"}, 1024, True),
        ({"max_size": "1K"}, 1025, False),
        ({"min_size": "1.5 MiB"}, 3 << 19, True),
        ({"min_size": "5MB"}, 5 << 20, True),
        ({"max_size": 0}, 0, True),
        ({"max_size": 0}, 1, False),
        ({"max_size": 0}, None, True),
        ({"max_size": ""}, 1 << 60, True),
    ],
)
def test_sizes(options, size, good):
    assert admits("f", size, **options) is good


@pytest.mark.parametrize(
    ("options", "age", "good"),
    [
        ({"min_age": 60}, 60, True),
        ({"min_age": 60}, 59, False),
        ({"max_age": "1h30m"}, 5400, True),
        ({"max_age": "1h30m"}, 5401, False),
        ({"max_age": "2d"}, 86400, True),
        ({"min_age": "1w"}, 86400, False),
        ({"max_age": "1M"}, 29 * 86400, True),
        ({"max_age": "1m"}, 61, False),
        ({"max_age": "100"}, 101, False),
        ({"max_age": "2023-11-14T22:13:10Z"}, 10, True),
        ({"max_age": "2023-11-14T22:13:10Z"}, 11, False),
        ({"min_age": "2023-11-14T23:13:10+01:00"}, 9, False),
        ({"min_age": "2023-11-14"}, 22 * 3600, False),
        ({"min_age": "2023-11-14"}, 23 * 3600, True),
        ({"max_age": 1}, None, True),
    ],
)
def test_ages(options, age, good):
    assert admits("f", None, age, **options) is good


@pytest.mark.parametrize(
    "options",
    [
        {"include": [1]},
        {"include": {"a": 1}},
        {"exclude": 5},
        {"exclude": ["a\0b"]},
        {"include": ["a"] * 10_001},
        {"filter": ["*.jpg"]},
        {"filter": ["+*.jpg"]},
        {"filter": ["+ "]},
        {"min_size": "much"},
        {"min_size": -1},
        {"min_size": True},
        {"max_size": 1.5},
        {"min_age": "soon"},
        {"min_age": -1},
        {"max_age": "1h x"},
        {"max_age": [1]},
        {"max_age": False},
        {"min_size": 10, "max_size": 9},
        {"min_age": "2d", "max_age": "1d"},
    ],
    ids=str,
)
def test_options_that_make_no_sense(options):
    with pytest.raises(TransferError) as caught:
        Filters(options, NOW)
    assert caught.value.code == "bad_request"
    assert caught.value.remedy


def test_entries_are_filtered_as_they_come():
    taken = []

    def endless():
        for number in range(10**9):
            taken.append(number)
            yield Entry(f"{number}.{'csv' if number % 2 else 'txt'}", "", size=number)

    found = Filters({"include": "*.csv", "min_size": 5}).apply(endless())
    assert [next(found).path, next(found).path] == ["5.csv", "7.csv"]
    assert len(taken) == 8


def test_no_options_leave_nothing_out():
    assert not Filters({"conflict": "skip", "include": [], "max_size": None}).active
    assert Filters({"min_size": 0}).active
    assert admits(".hidden/\u202ename", 0, 0)
