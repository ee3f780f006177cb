"""Bandwidth limits: rates, timetables, shares."""

from __future__ import annotations

import time

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.timetable import parse_limit, parse_rate, rate_at, shares

DAY = "08:00,512k 19:00,10M 23:00,off"


def at(clock: str) -> time.struct_time:
    return time.strptime(f"2026-03-29 {clock}", "%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        (None, None),
        (0, None),
        ("", None),
        ("off", None),
        (500, 500),
        ("5M", 5 << 20),
        ("1.5 GiB/s", 3 << 29),
    ],
)
def test_rates(value, rate):
    assert parse_rate(value) == rate
    assert parse_limit(value) == rate


@pytest.mark.parametrize(
    ("clock", "rate"),
    [
        ("07:59", None),  # the last entry of the day holds over midnight
        ("08:00", 512 << 10),
        ("18:59", 512 << 10),
        ("19:00", 10 << 20),
        ("23:00", None),
        ("00:00", None),
    ],
)
def test_a_day(clock, rate):
    assert rate_at(parse_limit(DAY), at(clock)) == rate
    assert rate_at(parse_limit("23:00,off   08:00,512k 19:00,10M"), at(clock)) == rate


def test_a_rate_holds_at_any_time():
    assert rate_at(5, at("12:00")) == 5
    assert rate_at(None, at("12:00")) is None
    assert rate_at("00:00,7") == 7


@pytest.mark.parametrize(
    "text",
    ["08:00,", ",5M", "8,5M", "24:00,5M", "08:60,5M", "08:00,fast", "08:00,1 08:00,2", "1,2"],
)
def test_malformed_timetables(text):
    with pytest.raises(TransferError) as caught:
        parse_limit(text)
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize(
    ("total", "limits", "expected"),
    [
        (None, {"a": None, "b": 5}, {"a": None, "b": 5}),
        (100, {"a": None, "b": None}, {"a": 50, "b": 50}),
        (100, {"a": None, "b": 10}, {"a": 90, "b": 10}),
        (90, {"a": 10, "b": 35, "c": None}, {"a": 10, "b": 35, "c": 45}),
        (90, {"a": 50, "b": 50, "c": None}, {"a": 30, "b": 30, "c": 30}),
        (1, {"a": None, "b": None}, {"a": 1, "b": 1}),  # nobody stands still for good
        (100, {}, {}),
    ],
)
def test_shares(total, limits, expected):
    assert shares(total, limits) == expected
