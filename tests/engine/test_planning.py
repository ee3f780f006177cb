"""Plans that are only asked for: nothing is moved, and what is said is what would happen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.looks import Looks
from jupyter_transfer.engine.planning import plan
from jupyter_transfer.engine.run import JobRequest
from jupyter_transfer.errors import TransferError

from ..servers.nginx import Nginx
from ..servers.webdav import WebDav, running_webdav
from .conftest import Harness


@pytest.fixture(scope="module")
def dav(tmp_path_factory):
    with running_webdav(tmp_path_factory.mktemp("dav") / "files") as server:
        yield server


def planned(harness: Harness, kind: str, source: str, destination: str, **options) -> dict:
    rows = harness.delivered(source)
    request = JobRequest("plan", source, destination, options, rows, kind)
    before = harness.names()
    answer = plan(harness.root, request, harness.context(options), Control())
    assert harness.names() == before
    return answer


def tree(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_a_folder_that_is_fetched(harness: Harness, nginx: Nginx):
    tree(nginx.files / "plan", a=b"a", sub__b=b"bb", sub__c=b"ccc")
    url = f"{nginx.url}/json/plan/"
    fresh = planned(harness, "fetch", url, "in")
    assert (fresh["plan"]["copy"], fresh["plan"]["replace"]) == (3, 0)
    assert [entry["path"] for entry in fresh["entries"]] == ["a", "sub/b", "sub/c"]

    tree(harness.folder / "in", a=b"other")
    foreign = planned(harness, "fetch", url, "in")
    assert (foreign["plan"]["copy"], foreign["plan"]["fail"]) == (2, 1)
    assert foreign["entries"][0]["error"] == "exists"
    replaced = planned(harness, "fetch", url, "in", conflict="overwrite")
    assert (replaced["plan"]["copy"], replaced["plan"]["replace"]) == (2, 1)
    assert replaced["entries"][0]["action"] == "replace"
    skipped = planned(harness, "fetch", url, "in", conflict="skip", exclude=["c"])
    assert (skipped["plan"]["copy"], skipped["plan"]["skip"]) == (1, 1)
    assert (harness.folder / "in" / "a").read_bytes() == b"other"


def test_the_hash_is_of_what_is_lost(harness: Harness, nginx: Nginx):
    tree(nginx.files / "hash", a=b"a", b=b"b")
    url, target = f"{nginx.url}/json/hash/", harness.folder / "in"
    tree(target, a=b"old")
    first = planned(harness, "fetch", url, "in", conflict="overwrite")["plan"]["hash"]
    tree(nginx.files / "hash", c=b"new")
    assert planned(harness, "fetch", url, "in", conflict="overwrite")["plan"]["hash"] == first
    tree(target, a=b"changed")
    assert planned(harness, "fetch", url, "in", conflict="overwrite")["plan"]["hash"] != first


def test_a_source_that_is_not_there(harness: Harness, nginx: Nginx):
    with pytest.raises(TransferError) as caught:
        planned(harness, "fetch", f"{nginx.url}/nothing", "in")
    assert caught.value.code == "remote_not_found"


def test_one_file_that_is_sent(harness: Harness, dav: WebDav):
    tree(harness.folder, a=b"abc")
    fresh = planned(harness, "send", "a", f"{dav.url}/one/")
    assert (fresh["files"], fresh["bytes"], fresh["plan"]["copy"]) == (1, 3, 1)
    assert not (dav.files / "one").exists()
    tree(dav.files / "one", a=b"there")
    again = planned(harness, "send", "a", f"{dav.url}/one/")
    assert again["entries"] == [{"path": "a", "size": 3, "action": "fail", "error": "exists"}]


def test_what_cannot_be_sent_is_left_out(harness: Harness, dav: WebDav):
    tree(harness.folder / "out", a=b"a", skip__x=b"x")
    os.symlink("/etc", harness.folder / "out" / "link")
    answer = planned(harness, "send", "out", f"{dav.url}/out", exclude=["skip/**"])
    assert (answer["plan"]["copy"], answer["plan"]["skip"]) == (1, 1)


def test_answers_come_in_the_order_of_the_questions(harness: Harness, dav: WebDav):
    with Looks(f"{dav.url}/", harness.context({}), Control()) as looks:
        answers = looks.each(range(2500), lambda _, n: n * n, lambda n: n % 10 == 0)
        found = list(answers)
    assert found == [(n, n * n if n % 10 == 0 else None) for n in range(2500)]


def test_an_answer_that_fails_ends_the_looks(harness: Harness, dav: WebDav):
    def ask(_: object, number: int) -> int:
        if number == 5:
            raise TransferError("remote_forbidden", "No.")
        return number

    with (
        Looks(f"{dav.url}/", harness.context({}), Control()) as looks,
        pytest.raises(TransferError),
    ):
        list(looks.each(range(100), ask))
