"""Addresses that may not be called: literal, by redirect, by name, by a name that changes."""

from __future__ import annotations

import pycurl
import pytest

from jupyter_transfer.engine import transport
from jupyter_transfer.net import Policy

from ..servers.chaos import Resource, noise, redirect, running_chaos

DATA = noise(700_001)


def whole(harness):
    return (harness.folder / "f").read_bytes()


# ---- redirects ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/",
        "http://168.63.129.16/",
        "http://0.0.0.0/",
        "http://user@169.254.169.254/",
    ],
)
def test_a_redirect_to_a_refused_address(harness, chaos, code, location):
    outcome = harness.run(chaos.add("/f", redirect(location, code)))
    assert (outcome.state, outcome.error.code) == ("failed", "address_refused")
    assert harness.names() == []


def test_a_redirect_to_loopback_from_a_public_policy(harness, chaos):
    """Only 127.0.0.2 is open: a redirect to 127.0.0.1 on it is refused like any loopback."""
    harness.policy = Policy.of(allow=["127.0.0.1/32"], deny=["127.0.0.2/32"])
    outcome = harness.run(chaos.add("/f", redirect(f"http://127.0.0.2:{chaos.port}/g")))
    assert outcome.error.code == "address_refused"
    assert len(chaos.requests) == 1


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "gopher://h/", "dict://h:1/", "ftp://h/"]
)
def test_a_redirect_to_another_scheme(harness, chaos, location):
    outcome = harness.run(chaos.add("/f", redirect(location)))
    assert outcome.error.code == "unsupported_scheme"


def test_redirects_in_a_circle(harness, chaos):
    chaos.add("/a", redirect("/b"))
    outcome = harness.run(chaos.add("/b", redirect("/a")))
    assert outcome.error.code == "too_many_redirects"
    assert len(chaos.requests) == 11


def test_a_redirect_from_https_to_http(harness, chaos, certificate):
    harness.ca_file = str(certificate[0])
    with running_chaos(certificate) as secure:
        target = chaos.add("/f", Resource(DATA))
        outcome = harness.run(secure.add("/f", redirect(target)))
    assert outcome.error.code == "remote_refused"
    assert chaos.requests == []


# ---- names that resolve to refused addresses ----------------------------------------------------


@pytest.fixture
def resolver(monkeypatch):
    """libcurl's own answers to names, as a DNS server under somebody's control would give them."""

    def answer(*lines: str) -> None:
        set_up = transport.Transport._set_up

        def patched(self, line, proxy):
            set_up(self, line, proxy)
            line.handle.setopt(pycurl.RESOLVE, list(lines))

        monkeypatch.setattr(transport.Transport, "_set_up", patched)

    return answer


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "127.0.0.1", "0.0.0.0", "[::1]", "[fe80::1]", "[64:ff9b::a9fe:a9fe]"],
)
def test_a_name_that_resolves_to_a_refused_address(harness, chaos, resolver, address):
    resolver(f"rebind.example:{chaos.port}:{address}")
    harness.policy = Policy()
    outcome = harness.run(f"http://rebind.example:{chaos.port}/f")
    assert outcome.error.code == "address_refused"
    assert "rebind.example" in outcome.error.message
    assert chaos.requests == []


def test_a_name_that_answers_differently_the_second_time(harness, chaos, monkeypatch):
    """The probe reaches a good address, the parts would go to another one."""
    resource = Resource(DATA)
    set_up = transport.Transport._set_up
    asked = [0]

    def patched(self, line, proxy):
        set_up(self, line, proxy)
        asked[0] += 1
        address = "127.0.0.1" if asked[0] == 1 else "127.0.0.9"
        line.handle.setopt(pycurl.RESOLVE, [f"rebind.example:{chaos.port}:{address}"])
        line.handle.setopt(pycurl.FRESH_CONNECT, 1)

    monkeypatch.setattr(transport.Transport, "_set_up", patched)
    harness.policy = Policy.of(allow=["127.0.0.1/32"])
    chaos.add("/f", resource)
    outcome = harness.run(f"http://rebind.example:{chaos.port}/f")
    assert outcome.error.code == "address_refused"
    assert len(chaos.requests) == 1
    assert harness.visible() == []


def test_one_good_address_among_refused_ones_is_used(harness, chaos, resolver):
    resolver(f"mixed.example:{chaos.port}:169.254.169.254,127.0.0.1")
    chaos.add("/f", Resource(DATA))
    assert harness.run(f"http://mixed.example:{chaos.port}/f").state == "done"
    assert whole(harness) == DATA


@pytest.mark.parametrize(
    "source",
    [
        "http://127.0.0.1:1/x",
        "http://localhost:1/x",
        "http://127.1:1/x",
        "http://[::1]:1/x",
        "http://[::ffff:127.0.0.1]:1/x",
        "http://0:1/x",
        "http://169.254.169.254/x",
    ],
)
def test_loopback_and_metadata_are_refused_by_default(harness, source):
    harness.policy = Policy()
    assert harness.run(source).error.code == "address_refused"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("file:///etc/passwd", "unsupported_scheme"),
        ("gopher://h/", "unsupported_scheme"),
        ("nonsense", "unsupported_scheme"),
        ("http://", "invalid_address"),
        ("http://a b/", "invalid_address"),
        ("http://h/\r\nX: y", "invalid_address"),
        ("http://u:p@h/", "invalid_address"),
        ("http://h:0/", "invalid_address"),
        ("http://[::1", "invalid_address"),
    ],
)
def test_addresses_that_are_none(harness, source, code):
    outcome = harness.run(source)
    assert (outcome.state, outcome.error.code) == ("failed", code)
