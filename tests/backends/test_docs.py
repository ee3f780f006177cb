"""The backend that the documentation shows does what it says."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from jupyter_transfer import backends
from jupyter_transfer.backends import load_all
from jupyter_transfer.backends.base import Context

from ..servers.chaos import Resource, noise

PAGE = Path(__file__).parents[2] / "docs/backends.md"


@pytest.fixture
def shown(monkeypatch):
    """The class of the page, registered; it speaks HTTP here, for want of a certificate."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {"__name__": "shown"}
    exec(compile(code.replace('"https:"', '"http:"'), str(PAGE), "exec"), names)
    backend = names["ArchiveBackend"]
    monkeypatch.setattr(backends, "load_all", lambda: {"archive": backend})
    return backend


def test_the_backend_of_the_page(shown, harness, chaos):
    data = {"a.bin": noise(100_000), "s/b.bin": noise(10, seed=2), "old.bin": b"old"}
    index = [
        {
            "name": name,
            "size": len(text),
            "sha256": hashlib.sha256(text).hexdigest(),
            "year": 1999 if name == "old.bin" else 2026,
        }
        for name, text in data.items()
    ]
    chaos.add("/c/index.json", Resource(json.dumps(index).encode()))
    for name, text in data.items():
        chaos.add(f"/c/{name}", Resource(text))
    address = f"archive://{chaos.url.partition('//')[2]}/c"
    outcome = harness.run(address, year=2026, token="hush")
    assert (outcome.state, outcome.verified) == ("done", True), outcome.error
    assert harness.names() == ["c/a.bin", "c/s/b.bin"]
    assert (harness.folder / "c/a.bin").read_bytes() == data["a.bin"]
    assert {request.headers["authorization"] for request in chaos.requests} == {"Bearer hush"}


@pytest.mark.parametrize("backend", ["s3", "huggingface", "modelscope", "ftp", "sftp", "rclone"])
def test_every_option_is_in_the_table(backend):
    text = PAGE.read_text()
    assert [o.name for o in load_all()[backend].options if f"`{o.name}`" not in text] == []
    assert shown_schemes(text) <= {
        "archive",
        "https",
        "s3",
        "hf",
        "modelscope",
        "ftp",
        "sftp",
        "rclone",
    }


def shown_schemes(text):
    return set(re.findall(r"\b([a-z0-9]+)://", text))


def test_what_the_page_shows_is_declared(shown):
    assert shown(Context()).describe()["can"] == ["fetch"]
