"""The HTTP backend: an address is one file, or a folder that is listed."""

from __future__ import annotations

import os
from itertools import count
from urllib.parse import quote

import pytest

from jupyter_transfer.backends.base import Context, Digest
from jupyter_transfer.backends.http import HttpBackend
from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import Credential

from .contract import BackendContract
from .site import Access, CannotHold, Site

SHA = "ab" * 32


@pytest.fixture(autouse=True)
def no_netrc(monkeypatch):
    monkeypatch.setenv("NETRC", "/nonexistent")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://h/a/b.csv?x=1", "b.csv"),
        ("http://h/%E6%95%B0.csv", "数.csv"),
        ("http://h/a/..%2f..%2fpasswd", "passwd"),
        ("http://h/?x=1", "download"),
        ("http://h/.hidden", "hidden"),
        ("http://h/a%00b", "ab"),
    ],
)
def test_one_entry_with_a_guessed_name(address, name):
    (entry,) = HttpBackend(Context()).entries(address)
    assert (entry.path, entry.guessed) == (name, True)


def test_a_chosen_name_and_digest():
    backend = HttpBackend(Context({"filename": "x.bin", "sha256": SHA.upper()}))
    (entry,) = backend.entries("https://h/y")
    assert (entry.path, entry.guessed) == ("x.bin", False)
    assert backend.locate(entry).digest == Digest("sha256", SHA)


def test_a_credential_becomes_a_header_and_not_a_part_of_the_url():
    backend = HttpBackend(Context(credential=Credential("u", "hush")))
    (entry,) = backend.entries("https://h/y")
    locator = backend.locate(entry)
    assert locator.headers["Authorization"].startswith("Basic ")
    assert "hush" not in locator.url
    assert "Basic" not in repr(locator)


@pytest.mark.parametrize(
    ("address", "options", "code"),
    [
        ("http://127.0.0.1/", {}, "address_refused"),
        ("http://2130706433/", {}, "address_refused"),
        ("http://169.254.169.254/", {}, "address_refused"),
        ("http://u:p@h/", {}, "invalid_address"),
        ("http:///x", {}, "invalid_address"),
        ("ftp://h/x", {}, "unsupported_scheme"),
        ("http://h/", {"sha256": "xyz"}, "bad_request"),
        ("http://h/", {"sha256": SHA[:-1]}, "bad_request"),
        ("http://h/", {"filename": 5}, "bad_request"),
    ],
)
def test_check_finds_what_needs_no_network(address, options, code):
    with pytest.raises(TransferError) as caught:
        HttpBackend(Context(options)).check(address)
    assert caught.value.code == code


class NginxSite(Site):
    """A folder that an nginx lists below ``/listed/`` as a page, below ``/json/`` as JSON; below
    ``/guarded/`` only with a password."""

    _moments = count(1_600_000_000, 10)

    def __init__(self, nginx, place="listed"):
        self._nginx = nginx
        self._place = place
        self._folder = f"site{next(self._moments)}"
        (nginx.files / self._folder).mkdir()

    def put(self, name, data):
        segments = name.split("/")
        if not name.isprintable() or {"", ".", ".."} & set(segments) or len(name) > 255:
            raise CannotHold
        (self._nginx.files / self._folder / name).parent.mkdir(parents=True, exist_ok=True)
        new = self._nginx.work / "new"
        new.write_bytes(data)
        moment = next(self._moments)  # the ETag is made of the time in seconds and the size
        os.utime(new, (moment, moment))
        new.rename(self._nginx.files / self._folder / name)

    def access(self, name=""):
        return Access(f"{self._nginx.url}/{self._place}/{self._folder}/{quote(name)}")

    def denied(self, name, how):
        address = f"{self._nginx.url}/guarded/{self._folder}/{quote(name)}"
        if how == "missing":
            return Access(address)
        secret = "wrong-but-secret"
        return Access(address, credential=Credential("u", secret), secrets=(secret,))


class TestNginx(BackendContract):
    """Its listings as pages."""

    @pytest.fixture
    def site(self, nginx):
        return NginxSite(nginx)


class TestNginxJson(BackendContract):
    """Its listings as JSON."""

    @pytest.fixture
    def site(self, nginx):
        return NginxSite(nginx, "json")
