"""Range and conditional requests as RFC 9110 wants them."""

from __future__ import annotations

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.handlers.conditions import Validators, precondition, requested_range
from jupyter_transfer.handlers.delivery import content_disposition

ETAG = '"abc"'
DATE = "Fri, 01 Mar 2024 12:00:00 GMT"
EARLIER, LATER = "Fri, 01 Mar 2024 11:59:59 GMT", "Fri, 01 Mar 2024 12:00:01 GMT"
CURRENT = Validators(ETAG, 1_709_294_400)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=99-", (99, 100)),
        ("bytes=50-1000", (50, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-1000", (0, 100)),
        ("Bytes = 5-6 ", (5, 7)),
        ("bytes=0-99999999999999999999999999", (0, 100)),
        # Not a range, several, or another unit: the field is ignored.
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=0x0-5", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes 0-1", None),
    ],
)
def test_ranges(field, expected):
    assert requested_range({"Range": field}, CURRENT, 100) == expected


@pytest.mark.parametrize(
    ("field", "size"),
    [
        ("bytes=100-", 100),
        ("bytes=100-200", 100),
        ("bytes=-0", 100),
        ("bytes=0-", 0),
        ("bytes=0-0", 0),
        ("bytes=" + "9" * 5000 + "-", 100),
    ],
)
def test_ranges_behind_the_end(field, size):
    with pytest.raises(TransferError) as caught:
        requested_range({"Range": field}, CURRENT, size)
    assert (caught.value.status, caught.value.detail) == (416, {"size": size})


def test_the_last_bytes_of_nothing_are_all_of_it():
    assert requested_range({"Range": "bytes=-5"}, CURRENT, 0) is None


@pytest.mark.parametrize(
    ("field", "taken"),
    [
        (ETAG, True),
        (DATE, True),
        ('"other"', False),
        ('W/"abc"', False),
        ("abc", False),
        (EARLIER, False),
        (LATER, False),
        ("", False),
        ("nonsense", False),
        ('"abc", "def"', False),
    ],
)
def test_if_range_takes_only_this_version(field, taken):
    headers = {"Range": "bytes=5-", "If-Range": field}
    assert (requested_range(headers, CURRENT, 100) is not None) is taken
    # A range of another version is not unsatisfiable, it is not asked for.
    if not taken:
        assert requested_range({**headers, "Range": "bytes=100-"}, CURRENT, 100) is None


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({}, "send"),
        ({"If-None-Match": ETAG}, "not_modified"),
        ({"If-None-Match": 'W/"abc"'}, "not_modified"),
        ({"If-None-Match": '"x,y", W/"z" , "abc"'}, "not_modified"),
        ({"If-None-Match": "*"}, "not_modified"),
        ({"If-None-Match": '"other"'}, "send"),
        ({"If-None-Match": "abc"}, "send"),
        ({"If-Modified-Since": DATE}, "not_modified"),
        ({"If-Modified-Since": LATER}, "not_modified"),
        ({"If-Modified-Since": EARLIER}, "send"),
        ({"If-Modified-Since": "yesterday"}, "send"),
        # The tag counts more than the date.
        ({"If-None-Match": '"other"', "If-Modified-Since": LATER}, "send"),
        ({"If-Match": ETAG}, "send"),
        ({"If-Match": "*"}, "send"),
        ({"If-Match": '"other"'}, "failed"),
        ({"If-Match": 'W/"abc"'}, "failed"),
        ({"If-Unmodified-Since": DATE}, "send"),
        ({"If-Unmodified-Since": EARLIER}, "failed"),
        ({"If-Match": ETAG, "If-Unmodified-Since": EARLIER}, "send"),
        ({"If-Match": '"other"', "If-None-Match": ETAG}, "failed"),
    ],
)
def test_preconditions(headers, answer):
    if answer != "failed":
        assert precondition(headers, CURRENT) == answer
        return
    with pytest.raises(TransferError) as caught:
        precondition(headers, CURRENT)
    assert caught.value.status == 412


@pytest.mark.parametrize(
    ("name", "plain", "coded"),
    [
        ("a.txt", "a.txt", "a.txt"),
        ("my file (1).txt", "my file (1).txt", "my%20file%20%281%29.txt"),
        ("café.pdf", "cafe.pdf", "caf%C3%A9.pdf"),
        ("数据.csv", "download.csv", "%E6%95%B0%E6%8D%AE.csv"),
        ('a"\r\nX: y', "a___X_ y", "a%22%0D%0AX%3A%20y"),
        ('a";b.exe', "a__b.exe", "a%22%3Bb.exe"),
        ("100%00.txt", "100_00.txt", "100%2500.txt"),
        ("a\\b", "a_b", "a%5Cb"),
        ("-\udce9-", "-_-", "-%3F-"),
        ("☕", "download", "%E2%98%95"),
    ],
)
def test_content_disposition(name, plain, coded):
    value = content_disposition(name)
    assert value == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"
    value.encode("ascii")


def test_without_a_time_no_date_counts():
    undated = Validators(ETAG)
    for field in ("If-Modified-Since", "If-Unmodified-Since"):
        for date in (EARLIER, DATE, LATER):
            assert precondition({field: date}, undated) == "send"
    for date in (EARLIER, DATE, LATER, "", "nonsense"):
        assert requested_range({"Range": "bytes=5-", "If-Range": date}, undated, 100) is None
