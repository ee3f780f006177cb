"""Structured header fields (RFC 9651)."""

from __future__ import annotations

import pytest

from jupyter_transfer.handlers.fields import boolean, digest, digest_field, size


@pytest.mark.parametrize(
    ("text", "value"),
    [("?1", True), (" ?0 ", False), ("?1;a=b", True)]
    + [(text, None) for text in (None, "", "1", "true", "?2", "?", "?1?1", '"?1"')],
)
def test_booleans(text, value):
    assert boolean(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), (" 42 ", 42), ("42;x", 42), ("9" * 15, 10**15 - 1)]
    + [(text, None) for text in (None, "", "-1", "+1", "1.0", "1e3", "9" * 16, "x", "1 2", "٣")],
)
def test_sizes(text, value):
    assert size(text) == value


def test_digests():
    assert digest("sha-256=:AAEC:", "sha-256") == b"\0\1\2"
    assert digest("md5=:xx:, sha-256=:AAEC:;a=1", "sha-256") == b"\0\1\2"
    assert digest(digest_field("sha-256", b"abc"), "sha-256") == b"abc"
    for text in (None, "", "sha-256=AAEC", "sha-256=:A:", "sha-512=:AAEC:", "sha-256=:A!C=:"):
        assert digest(text, "sha-256") is None
