"""What a commit may delete: only the very file that was seen."""

from __future__ import annotations

import pytest

from jupyter_transfer.backends.base import Entry, Validators
from jupyter_transfer.backends.hub_listing import File, Folder
from jupyter_transfer.backends.hub_verdicts import still_there
from jupyter_transfer.errors import TransferError

SHA256, BLOB = "a" * 64, "b" * 40


class Branch:
    """A branch at which one thing lies."""

    def __init__(self, there: File | Folder | None) -> None:
        self._there = there

    def look(self, paths):
        return [self._there for _ in paths]


def verdict(there: File | Folder | None, version: str | None) -> list[str]:
    seen = Entry("x", "hf://o/n/x", 1, Validators(version=version))
    return still_there(Branch(there), [("x", seen)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("there", "version", "paths"),
    [
        (None, f"sha256:{SHA256}", []),
        (File("x", 1, sha256=SHA256), f"sha256:{SHA256}", ["x"]),
        (File("x", 1, BLOB), f"git-blob-sha1:{BLOB}", ["x"]),
        (File("x", 1), None, ["x"]),
    ],
)
def test_what_is_deleted(there, version, paths):
    assert verdict(there, version) == paths


@pytest.mark.parametrize(
    "there",
    [File("x", 1, sha256="c" * 64), File("x", 1, BLOB), File("x", 1), Folder("x")],
)
def test_what_is_another_file_by_now(there):
    with pytest.raises(TransferError) as caught:
        verdict(there, f"sha256:{SHA256}")
    assert caught.value.code == "remote_changed"
