"""What earlier jobs delivered, and the names of a job, be they a million."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_transfer.engine.delivered import Delivered
from jupyter_transfer.engine.twins import Names

PATHS = st.text(st.characters(exclude_categories=()), min_size=1, max_size=8)


def row_of(path: str, size: int = 0, source: str = "s") -> dict:
    return {
        "path": path,
        "source": source,
        "size": size,
        "mtime_ns": 1,
        "digest": None,
        "validators": {"etag": '"x"'},
    }


@given(st.lists(st.tuples(PATHS, st.integers(0, 9))), PATHS)
def test_rows_are_found_as_in_a_dictionary(pairs, other):
    rows = Delivered("s", (row_of(path, size) for path, size in pairs))
    expected = dict(pairs)
    for path in [*expected, other]:
        found = rows.get(path)
        assert (found and found["size"]) == expected.get(path)
    rows.close()


def test_rows_of_other_sources_are_left_out():
    rows = Delivered("s", [row_of("a"), row_of("b", source="t")])
    assert len(rows) == 1
    assert rows.get("a")
    assert rows.get("b") is None


def test_rows_may_be_added_after_some_were_found():
    rows = Delivered("s", [row_of("a", 1)])
    assert rows.get("a")["size"] == 1
    rows.extend([row_of("a", 2), row_of("b" * 5000, 3)])
    assert rows.get("a")["size"] == 2
    assert rows.get("b" * 5000)["size"] == 3
    rows.close()
    assert rows.get("a") is None


def test_many_rows_take_little_memory():
    tracemalloc.start()
    try:
        rows = Delivered("s", (row_of(f"folder/{n:08}.bin", n) for n in range(100_000)))
        assert rows.get("folder/00077777.bin")["size"] == 77_777
        assert rows.get("folder/00100000.bin") is None
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    rows.close()
    assert kept < 3 << 20


@pytest.mark.parametrize(
    ("options", "twins"),
    [
        ({}, {"a"}),
        ({"case": True}, {"a", "A"}),
        ({"form": True}, {"a"}),
        ({"case": True, "form": True}, {"a", "A"}),
    ],
)
def test_names_and_their_twins(options, twins):
    names = Names(**options)
    assert names.take("a")
    for other in ("a", "A"):
        assert names.take(other) is (other not in twins)


def test_letters_composed_in_two_ways():
    for form in (True, False):
        names = Names(form=form)
        assert names.take("x/\u00e9")
        assert names.take("x/e\u0301") is not form


@given(st.lists(PATHS))
def test_names_are_taken_once(paths):
    names, taken = Names(), set()
    for path in paths:
        assert names.take(path) is (path not in taken)
        taken.add(path)


def test_many_names_take_little_memory():
    tracemalloc.start()
    try:
        names = Names(case=True, form=True)
        assert all(names.take(f"folder/{n:08}.bin") for n in range(100_000))
        assert not any(names.take(f"FOLDER/{n:08}.bin") for n in range(0, 100_000, 997))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4 << 20
