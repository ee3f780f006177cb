"""The small pure pieces: spans, bandwidth, retries, names and digests in headers."""

from __future__ import annotations

import hashlib
import random
import time
from base64 import b64encode
from email.utils import formatdate

import pytest

from jupyter_transfer.backends.base import Digest, Validators
from jupyter_transfer.engine.disposition import filename_of
from jupyter_transfer.engine.limits import BURST, Bandwidth
from jupyter_transfer.engine.plan import content_range, name_in, validators_in
from jupyter_transfer.engine.retry import LONGEST_WAIT, Retries
from jupyter_transfer.engine.spans import Spans
from jupyter_transfer.engine.transport import Headers, parse
from jupyter_transfer.engine.verify import digest_in
from jupyter_transfer.errors import TransferError, parse_retry_after


def headers(**fields: str) -> Headers:
    result = Headers()
    for name, value in fields.items():
        result.add([f"{name.replace('_', '-')}: {value}".encode()])
    return result


# ---- spans --------------------------------------------------------------------------------------


def test_spans_are_what_a_set_of_offsets_would_be():
    draw = random.Random(7)
    for _ in range(200):
        spans, model = Spans(), set()
        for _ in range(draw.randrange(12)):
            start = draw.randrange(60)
            end = start + draw.randrange(15)
            spans.add(start, end)
            model |= set(range(start, end))
        assert {n for start, end in spans for n in range(start, end)} == model
        assert spans.total == len(model)
        size = draw.randrange(70)
        missing = {n for start, end in spans.gaps(size) for n in range(start, end)}
        assert missing == set(range(size)) - model
        assert spans.cut(size).total == len(model & set(range(size)))


def test_spans_that_touch_become_one():
    spans = Spans([(0, 5), (10, 20), (5, 10)])
    assert list(spans) == [(0, 20)]
    assert spans.gaps(20) == []


# ---- bandwidth ----------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_bandwidth_pays_for_what_came_in():
    clock = Clock()
    bandwidth = Bandwidth(1000, clock)
    bandwidth.spend(500)
    assert bandwidth.wait() == pytest.approx(0.5)
    clock.now += 0.5
    assert bandwidth.wait() == 0
    clock.now += 60
    bandwidth.spend(1000)
    assert bandwidth.wait() == pytest.approx(1 - BURST)


def test_bandwidth_follows_the_rate_over_time():
    clock, moved = Clock(), 0
    bandwidth = Bandwidth(1 << 20, clock)
    while clock.now < 110:
        if bandwidth.wait() == 0:
            bandwidth.spend(65536)
            moved += 65536
        clock.now += 0.001
    assert moved == pytest.approx(10 << 20, rel=0.03)


def test_a_change_of_bandwidth_forgives_an_old_debt():
    clock = Clock()
    bandwidth = Bandwidth(1000, clock)
    bandwidth.spend(100_000)
    bandwidth.rate = 1_000_000
    assert bandwidth.wait() <= BURST
    bandwidth.rate = None
    bandwidth.spend(10**12)
    assert bandwidth.wait() == 0


# ---- retries ------------------------------------------------------------------------------------


def test_retries_back_off_and_give_up():
    retries = Retries(budget=4, base=1.0, draw=lambda _, ceiling: ceiling)
    error = TransferError("connection_lost", "x")
    assert [retries.wait_for(error) for _ in range(3)] == [2, 4, 8]
    with pytest.raises(TransferError):
        retries.wait_for(error)
    retries.progressed()
    assert retries.wait_for(error) == 2


def test_retries_are_not_for_what_will_not_change():
    with pytest.raises(TransferError):
        Retries().wait_for(TransferError("remote_not_found", "x"))


def test_retries_honour_what_the_other_side_asks_for():
    retries = Retries(draw=lambda low, _: low)
    assert retries.wait_for(TransferError("remote_busy", "x", retry_after=7)) == 7
    with pytest.raises(TransferError) as caught:
        retries.wait_for(TransferError("remote_busy", "x", retry_after=LONGEST_WAIT + 1))
    assert caught.value.retry_after == LONGEST_WAIT + 1


def test_retry_after():
    assert parse_retry_after("120") == 120
    assert parse_retry_after("99999999999") == 86400
    assert parse_retry_after(formatdate(time.time() + 50, usegmt=True)) == pytest.approx(50, abs=3)
    assert parse_retry_after(formatdate(0, usegmt=True)) == 0
    for text in (None, "", "soon", "-5", "1.5"):
        assert parse_retry_after(text) is None


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a.txt"', "a.txt"),
        ("attachment; filename=a.txt", "a.txt"),
        ("attachment;filename=a.txt;size=5", "a.txt"),
        ('attachment; filename="a \\"b\\".txt"', 'a "b".txt'),
        ("attachment; filename=x; filename*=UTF-8''%E6%95%B0%E6%8D%AE.csv", "数据.csv"),
        ("attachment; filename*=iso-8859-1'en'%A3%20rates.txt; filename=y", "£ rates.txt"),
        ("attachment; filename*=broken; filename=y", "y"),
        ("attachment; filename*=UTF-8''%ff; filename=y", "y"),
        ("attachment; filename*=nonsense''x; filename=y", "y"),
        ('attachment; filename="%E6%95%B0.csv"', "数.csv"),
        ('attachment; filename="100%.csv"', "100%.csv"),
        ('attachment; filename="=?UTF-8?B?5pWw5o2u?="', "数据"),
        ('attachment; filename="数据.csv"', "数据.csv"),
        ('attachment; filename="caf\udce9.txt"', "café.txt"),
        ('filename="a.txt"', "a.txt"),
        ('inline; Filename="A.TXT"', "A.TXT"),
        ("attachment", None),
        ("", None),
        (None, None),
        ('attachment; filename=""', None),
        ("attachment; filename*=", None),
        (";;;===", None),
    ],
)
def test_names_in_content_disposition(header, name):
    assert filename_of(header) == name


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/cron.d/x", "x"),
        (".bashrc", "bashrc"),
        ("a\x00b\nc.txt", "abc.txt"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("...", "file.bin"),
        ("x" * 400 + ".tar.gz", "x" * 248 + ".tar.gz"),
    ],
)
def test_stated_names_are_made_safe(stated, name):
    url = parse("http://h/file.bin")
    field = headers(content_disposition=f'attachment; filename="{stated}"'.replace("\\", "\\\\"))
    assert name_in(field, url, url) == name


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("http://h/data.csv", "http://cdn/ab/0f3c", "data.csv"),
        ("http://h/latest", "http://h/v2/tool-2.tar.gz", "tool-2.tar.gz"),
        ("http://h/a/model", "http://h/b/", "model"),
        ("http://h/%E6%95%B0.csv?x=y.z", "http://h/", "数.csv"),
        ("http://h/", "http://h/", None),
        ("http://h/..%2F..%2Fx.txt", "http://h/", "x.txt"),
    ],
)
def test_names_from_addresses(first, last, name):
    assert name_in(headers(), parse(last), parse(first)) == name


# ---- reading an answer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("bytes 5-9/100", ((5, 9), 100)),
        ("bytes 5-9/*", ((5, 9), None)),
        ("bytes */100", (None, 100)),
        ("items 5-9/100", (None, None)),
        ("bytes 5-9", (None, None)),
        ("bytes 5-9/" + "9" * 40, (None, None)),
        ("", (None, None)),
    ],
)
def test_content_range(value, result):
    assert content_range(headers(content_range=value)) == result


def test_a_fresh_modification_time_proves_nothing():
    now = time.time()
    date = formatdate(now, usegmt=True)
    fresh = validators_in(headers(last_modified=formatdate(now - 5, usegmt=True), date=date))
    old = validators_in(headers(last_modified=formatdate(now - 90, usegmt=True), date=date))
    assert not fresh.strong
    assert old.strong


def test_validators():
    strong, weak = Validators('"a"'), Validators('W/"a"')
    assert strong.strong
    assert not weak.strong
    assert not Validators().strong
    assert strong.proves(Validators('"a"'))
    assert not strong.proves(Validators('"b"'))
    assert not strong.proves(Validators())
    assert not weak.proves(weak)
    assert not weak.contradicts(weak)
    assert Validators("x", "d", settled=True).proves(Validators(None, "d"))
    assert Validators("x", "d").contradicts(Validators("x", "e"))
    assert Validators(version="1").proves(Validators(version="1"))
    assert Validators.from_dict(strong.as_dict()) == strong


DATA = b"hello"
SHA = hashlib.sha256(DATA)
MD5 = hashlib.md5(DATA)


def b64(sums: object) -> str:
    return b64encode(sums.digest()).decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fields", "whole", "digest"),
    [
        ({"repr_digest": f"sha-256=:{b64(SHA)}:"}, False, SHA),
        ({"digest": f"MD5={b64(MD5)},SHA-256={b64(SHA)}"}, False, SHA),
        ({"x_amz_checksum_sha256": b64(SHA)}, False, SHA),
        ({"x_amz_checksum_sha256": b64(SHA) + "-3"}, False, None),
        ({"x_goog_hash": f"crc32c=AAAAAA==,md5={b64(MD5)}"}, False, MD5),
        ({"content_md5": b64(MD5)}, True, MD5),
        ({"content_md5": b64(MD5)}, False, None),
        ({"etag": f'"{MD5.hexdigest()}"'}, True, None),
        ({"digest": "sha-256=tooshort"}, True, None),
        ({"digest": "sha-256=!!!!"}, True, None),
        ({"repr_digest": "sha-256"}, True, None),
        ({}, True, None),
    ],
)
def test_digests_that_headers_state(fields, whole, digest):
    expected = Digest(digest.name, digest.hexdigest()) if digest else None
    assert digest_in(headers(**fields), whole=whole) == expected
