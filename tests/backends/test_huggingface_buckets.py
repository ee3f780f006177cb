"""Buckets of the hub of Hugging Face: the conformance suite against the stand-in, which the real
client judges."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from jupyter_transfer.engine.browse import browse
from jupyter_transfer.engine.preview import preview

from ..servers.chaos import noise
from ..servers.huggingface import TOKEN, running_hub
from .contract import BackendContract
from .site import Access, CannotHold, Site

DATA = noise(300_003)
FILES = {"a.bin": DATA, "d/b c.txt": b"b", "d/e/数.bin": DATA[:9], "empty": b"", "d2.txt": b"2"}


@pytest.fixture(scope="module")
def hub():
    with running_hub() as running:
        yield running


class BucketSite(Site):
    """A private bucket."""

    def __init__(self, hub):
        self.hub = hub
        self.bucket = hub.repo(kind="buckets", private=True, members={"me"})
        self.bucket.commit({})
        self.options = {"endpoint": hub.url, "token": TOKEN}

    def put(self, name, data):
        if "\0" in name:
            raise CannotHold
        self.bucket.commit({name: data}, lfs=True)

    def access(self, name=""):
        address = f"hf://buckets/{self.bucket.id}/{name}".rstrip("/")
        return Access(address, dict(self.options), secrets=(TOKEN,))

    def denied(self, name, how):
        access = self.access(name)
        if how == "missing":
            return Access(access.address, {"endpoint": self.hub.url})
        wrong = "hf_aTokenThatNobodyHas0123456789"
        return Access(access.address, {**self.options, "token": wrong}, secrets=(wrong,))


class TestBucket(BackendContract):
    @pytest.fixture
    def site(self, hub):
        return BucketSite(hub)


@pytest.fixture
def bucket(hub):
    made = hub.repo(kind="buckets", private=True, members={"me"})
    made.commit(FILES, lfs=True)
    return made


def test_the_real_client_takes_it_for_a_bucket(hub, bucket, tmp_path):
    code = f"""
import json
from huggingface_hub import HfApi, HfFileSystem
api, id = HfApi(), {bucket.id!r}
tree = {{f.path: f.size for f in api.list_bucket_tree(id, recursive=True) if f.type == "file"}}
below = [f.path for f in api.list_bucket_tree(id, "d")]
info = api.bucket_info(id)
with HfFileSystem().open(f"hf://buckets/{{id}}/a.bin", "rb") as file:
    file.seek(1000)
    part = file.read(500)
print(json.dumps([tree, below, info.total_files, info.private, part.hex()]))
"""
    given = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path), "HF_TOKEN": TOKEN}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env={**kept, **given, "HF_HUB_DISABLE_XET": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    tree, below, count, private, part = json.loads(run.stdout)
    assert tree == {path: len(data) for path, data in FILES.items()}
    assert sorted(below) == ["d/b c.txt", "d/e"]
    assert (count, private, part) == (5, True, DATA[1000:1500].hex())


@pytest.mark.parametrize("path", ["", "/d", "/d/"])
def test_a_bucket_or_a_folder_of_it(hub, bucket, harness, path):
    hub.page = 2
    options = {"endpoint": hub.url, "token": TOKEN}
    try:
        outcome = harness.run(f"hf://buckets/{bucket.id}{path}", "out", **options)
    finally:
        hub.page = 1000
    assert (outcome.state, outcome.error) == ("done", None)
    start = f"{path.strip('/')}/" if path else ""
    wanted = {name[len(start) :]: data for name, data in FILES.items() if name.startswith(start)}
    assert harness.names() == sorted(f"out/{name}" for name in wanted)
    for name, data in wanted.items():
        assert (harness.folder / "out" / name).read_bytes() == data
    hub.forget()
    rows = harness.delivered(f"hf://buckets/{bucket.id}{path}")
    harness.run(f"hf://buckets/{bucket.id}{path}", "out", id="b", delivered=rows, **options)
    assert hub.sent() == 0


def test_what_a_look_tells_and_what_cannot_be_done(hub, bucket, harness):
    options = {"endpoint": hub.url, "token": TOKEN}
    address = f"hf://buckets/{bucket.id}"
    found = preview(address, harness.context(options))
    assert (found["files"], found["verifiable"], found["needs"]) == (5, False, None)
    assert found["about"] == {
        "repository": bucket.id,
        "repo_type": "bucket",
        "private": True,
        "page": f"{hub.url}/buckets/{bucket.id}",
    }
    top = browse(address, harness.context(options))["entries"]
    folder = next(one for one in top if one["folder"])
    assert {one["path"] for one in top} == {"d/", "a.bin", "d2.txt", "empty"}
    below = browse(folder["address"], harness.context(options))["entries"]
    assert {one["path"] for one in below} == {"e/", "b c.txt"}
    (harness.folder / "f").write_bytes(b"1")
    for outcome in (
        harness.run("f", address, kind="send", **options),
        harness.run(address, "", id="c", target="cache", **options),
    ):
        assert (outcome.state, outcome.error.code) == ("failed", "bad_request")
