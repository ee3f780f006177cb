"""The registry, and what every backend declares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from jupyter_transfer import backends
from jupyter_transfer.backends import _OWN, broken, find, load_all, registry
from jupyter_transfer.backends.base import Backend, Context, Entry, Locator, Option
from jupyter_transfer.backends.broken import BrokenBackend
from jupyter_transfer.cli.health.parts import services
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
    assert set(described) == {"name", "title", "schemes", "options", "can", "signs_in_by"}
    secret = {option["name"] for option in described["options"] if option["secret"]}
    assert not described["signs_in_by"] or secret.intersection(described["signs_in_by"])
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
    registry.cache_clear()
    yield
    registry.cache_clear()


def test_backends_of_other_packages(third_party, caplog):
    assert set(load_all()) == {*_OWN, "other"}
    assert find("other://x").name == "other"
    assert find("http://h/special/x").name == "other"
    assert find("http://h/x").name == "http"
    assert "broken" in caplog.text
    assert "wrong" in caplog.text


@pytest.fixture
def broken_package(monkeypatch, tmp_path):
    """A package whose entry point leads to a module that lacks what it imports."""
    info = tmp_path / "acme_tape-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tape\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[{backends.GROUP}]\ntape = acme_tape:Tape\n")
    (tmp_path / "acme_tape.py").write_text("import library_of_acme\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    registry.cache_clear()
    yield "ModuleNotFoundError: No module named 'library_of_acme'"
    registry.cache_clear()


def test_the_address_of_a_broken_backend_is_told_why(broken_package):
    (one,) = broken()
    assert (one.name, one.package, one.cause) == ("tape", "acme-tape 1.2", broken_package)
    with pytest.raises(TransferError) as caught:
        find("tape://x")
    assert caught.value.code == "unsupported_scheme"
    assert "“tape” of the package acme-tape 1.2 cannot be loaded" in caught.value.message
    assert broken_package in caught.value.message
    assert "pip install --upgrade acme-tape" in caught.value.remedy
    with pytest.raises(TransferError) as caught:
        find("reel://x")
    assert "which may serve them, cannot be loaded" in caught.value.message
    assert "s3:" in caught.value.remedy
    with pytest.raises(TransferError) as caught:
        find("gs://x")
    assert "tape" not in caught.value.message


def test_the_cause_names_no_folder():
    error = ImportError("cannot import name 'a' from 'b' (/home/me/lib/b/c.py), https://h/x/y")
    one = BrokenBackend.of(EntryPoint("x", "y:Z", backends.GROUP), error)
    assert one.cause == "ImportError: cannot import name 'a' from 'b' (c.py), https://h/x/y"
    assert "jupyter_transfer" in one.remedy


def test_doctor_and_backends_name_a_broken_backend(broken_package):
    finding = next(one for one in services() if one.name == "tape")
    assert finding.state == "failed"
    assert "acme-tape 1.2" in finding.text
    assert broken_package in finding.text
    for arguments in (["backends"], ["get", "tape://x", "--local"]):
        done = subprocess.run(
            [sys.executable, "-m", "jupyter_transfer.cli", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert broken_package in done.stderr
        assert "Traceback" not in done.stderr


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
