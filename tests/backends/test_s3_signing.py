"""Presigned addresses are those of botocore."""

from __future__ import annotations

import datetime
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from jupyter_transfer.backends.s3sign import Signer

NOW = 1_700_000_000.0
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module", autouse=True)
def still_clock():
    """botocore's clock stands still."""
    moment = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)
    patch = pytest.MonkeyPatch()
    patch.setattr(auth, "get_current_datetime", lambda *_, **__: moment)
    yield
    patch.undo()


def by_botocore(method, address, query, headers, token, region):
    pairs = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in query)
    request = AWSRequest(method, address + (f"?{pairs}" if pairs else ""), dict(headers))
    credentials = ReadOnlyCredentials(KEY, SECRET, token)
    auth.S3SigV4QueryAuth(credentials, "s3", region, expires=900).add_auth(request)
    return str(request.url)


def same(method, address, query=(), headers=None, token=None, region="us-east-1"):
    signer = Signer(KEY, SECRET, token, region)
    ours = signer.presign(method, address, query, headers, expires=900, now=NOW)
    theirs = by_botocore(method, address, query, headers or {}, token, region)
    assert urlsplit(ours)[:3] == urlsplit(theirs)[:3]
    pairs = [sorted(parse_qsl(urlsplit(u).query, keep_blank_values=True)) for u in (ours, theirs)]
    assert pairs[0] == pairs[1]


@pytest.mark.parametrize(
    "address",
    [
        "https://bucket.s3.amazonaws.com/a/b.bin",
        "https://bucket.s3.amazonaws.com:443/a",
        "http://127.0.0.1:9000/bucket/a%20b/%E4%B8%AD~_-.%2B",
        "http://localhost:80/bucket/",
        "http://[::1]:9000/bucket/k",
        "https://bucket.s3.eu-central-1.amazonaws.com/a//b/../c",
    ],
)
@pytest.mark.parametrize("token", [None, "session/token+=="])
def test_addresses(address, token):
    same("GET", address, token=token)
    same("PUT", address, [("partNumber", "3"), ("uploadId", "a b/=+~")], token=token)


def test_headers_are_signed():
    headers = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "X-Amz-Meta-Name": "  two   words ",
        "Content-Type": "text/plain; charset=utf-8",
        "If-None-Match": "*",
    }
    same("PUT", "https://b.example.org/k", headers=headers, region="eu-west-3")


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(TEXTS, st.dictionaries(TEXTS.map(lambda t: "q" + t), TEXTS, max_size=3))
def test_odd_keys_and_queries(key, query):
    same("GET", "https://b.example.org/" + quote(key, safe="/~"), sorted(query.items()))


def test_names_are_sorted_before_their_values():
    same("GET", "https://b.example.org/k", [("a", "1"), ("a-b", "2"), ("a.b", "3")])


def test_the_next_day_has_another_key():
    signer = Signer(KEY, SECRET, None, "us-east-1")
    first = signer.presign("GET", "https://b.example.org/k", expires=900, now=NOW - 86400)
    again = signer.presign("GET", "https://b.example.org/k", expires=900, now=NOW)
    fresh = Signer(KEY, SECRET, None, "us-east-1")
    assert again == fresh.presign("GET", "https://b.example.org/k", expires=900, now=NOW)
    assert first != again
