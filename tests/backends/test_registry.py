"""The registry, and what every backend declares."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from jupyter_transfer import backends
from jupyter_transfer.backends import _OWN, find, load_all
from jupyter_transfer.backends.base import Backend, Context, Entry, Locator, Option
from jupyter_transfer.errors import TransferError


@pytest.mark.parametrize("address", ["http://h/x", "HTTPS://h/x"])
def test_find_by_scheme(address):
    assert find(address).name == "http"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("gopher://h/", "unsupported_scheme"),
        ("file:///etc/passwd", "unsupported_scheme"),
        ("nonsense", "unsupported_scheme"),
        ("", "unsupported_scheme"),
        ("http://[::1", "invalid_address"),
    ],
)
def test_what_no_backend_serves(address, code):
    with pytest.raises(TransferError) as caught:
        find(address)
    assert caught.value.code == code


@pytest.mark.parametrize("backend", load_all().values(), ids=lambda backend: backend.name)
def test_declared_data_is_whole_and_json(backend):
    described = backend.describe()
    assert json.loads(json.dumps(described)) == described
    assert set(described) == {"name", "title", "schemes", "options", "can"}
    assert set(described["can"]) & {"fetch", "send"}
    assert described["title"]
    assert described["schemes"]
    for option in described["options"]:
        assert set(option) == {
            "name",
            "type",
            "help",
            "default",
            "secret",
            "choices",
            "required",
            "side",
        }
        assert option["help"]


def test_listing_backends_imports_nothing_heavy():
    code = (
        "import sys; from jupyter_transfer.backends import load_all; load_all();"
        "heavy = {'pycurl', 'boto3', 'tornado', 'huggingface_hub', 'httpx2', 'modelscope_hub'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("name", ["owner/name", "datasets/owner/na-me.v1"])
def test_the_name_of_a_repository_is_no_address_and_that_is_told(name):
    with pytest.raises(TransferError) as caught:
        find(name)
    assert caught.value.code == "unsupported_scheme"
    assert f"hf://{name}" in caught.value.remedy
    assert caught.value.detail == {"kind": "repository_name", "address": f"hf://{name}"}


class Other(Backend):
    """What another package would add."""

    name = "other"
    title = "Other"
    schemes = ("other",)

    @classmethod
    def claims(cls, address):
        return 2 if "/special/" in address else super().claims(address)

    def entries(self, address):
        yield Entry("x", address)

    def locate(self, entry):
        return Locator("http://h/")


@pytest.fixture
def third_party(monkeypatch):
    """Entry points of other packages: a good one, a broken one, and one that is no backend."""
    here = f"{__name__}:"
    points = [
        EntryPoint("other", here + "Other", backends.GROUP),
        EntryPoint("broken", "nonexistent.module:X", backends.GROUP),
        EntryPoint("wrong", here + "third_party", backends.GROUP),
        EntryPoint("http", here + "Other", backends.GROUP),
    ]
    monkeypatch.setattr(backends, "entry_points", lambda group: points)
    load_all.cache_clear()
    yield
    load_all.cache_clear()


def test_backends_of_other_packages(third_party, caplog):
    assert set(load_all()) == {*_OWN, "other"}
    assert find("other://x").name == "other"
    assert find("http://h/special/x").name == "other"
    assert find("http://h/x").name == "http"
    assert "broken" in caplog.text
    assert "wrong" in caplog.text


# ---- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (Option("o"), "text"),
        (Option("o", "integer"), 5),
        (Option("o", "number"), 0.5),
        (Option("o", "flag"), True),
        (Option("o", "bytes"), "5M"),
        (Option("o", choices=("a", "b")), "b"),
    ],
)
def test_good_values(option, value):
    assert option.read({"o": value}) == value


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (Option("o"), 5),
        (Option("o"), ["x"]),
        (Option("o", "integer"), "5"),
        (Option("o", "integer"), True),
        (Option("o", "flag"), 1),
        (Option("o", choices=("a", "b")), "c"),
        (Option("o", required=True), None),
        (Option("o", required=True), ""),
    ],
)
def test_bad_values(option, value):
    with pytest.raises(TransferError) as caught:
        option.read({"o": value})
    assert caught.value.code == "bad_request"


def test_a_missing_value_is_the_default():
    assert Option("o", default="x").read({}) == "x"
    assert Option("o").read({"o": None}) is None


def test_check_reads_every_option():
    class Strict(Other):
        options = (Option("region", required=True),)

    with pytest.raises(TransferError):
        Strict(Context()).check("other://x")
    Strict(Context({"region": "eu"})).check("other://x")
