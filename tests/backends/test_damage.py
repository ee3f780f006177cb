"""Of every file that LFS keeps, a byte that its store has wrong is found: none is published."""

from __future__ import annotations

import hashlib
import random

import pytest

from jupyter_transfer.engine import many

from ..servers.huggingface import running_hub

DAMAGED, WHOLE = 100, 5


@pytest.fixture(scope="module")
def hub():
    with running_hub() as running:
        yield running


@pytest.fixture
def chance(monkeypatch):
    """The same files and the same bytes each time; a tenth of the files comes in ranges."""
    monkeypatch.setattr(many, "SMALL", 86 << 10)
    return random.Random(4196)


def made_up(chance):
    """Files of one byte to three segments, by their names."""
    sizes = [1, 2, *(chance.randrange(3, 96 << 10) for _ in range(DAMAGED + WHOLE - 2))]
    chance.shuffle(sizes)
    return {f"d{n % 9}/f{n:03}.bin": chance.randbytes(size) for n, size in enumerate(sizes)}


def flipped(data, chance):
    """`data` with another byte at one place."""
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :]


def oid(data):
    return hashlib.sha256(data).hexdigest()


def test_hugging_face(harness, hub, chance):
    files = made_up(chance)
    damaged = set(chance.sample(sorted(files), DAMAGED))
    repo = hub.repo()
    repo.commit(files, lfs=True)
    for name, blob in repo.commits[repo.refs["main"]].items():
        assert blob.etag == oid(files[name])  # known before the store loses a bit
        if name in damaged:
            object.__setattr__(blob, "data", flipped(blob.data, chance))
    outcome = harness.run(f"hf://{repo.id}", "here", endpoint=hub.url)
    assert (outcome.state, outcome.error.code) == ("failed", "digest_mismatch")
    told = {row["path"]: row["error"] and row["error"]["code"] for row in harness.report.files}
    assert told == {f"here/{n}": "digest_mismatch" if n in damaged else None for n in files}
    assert harness.visible() == sorted(f"here/{name}" for name in set(files) - damaged)
    for path in harness.visible():
        assert (harness.folder / path).read_bytes() == files[path.removeprefix("here/")]


def test_git(harness, repository, git_server, chance):
    repository.use_lfs("*.bin")
    files = made_up(chance)
    damaged = set(chance.sample(sorted(files), DAMAGED))
    repository.commit(files)
    for name in damaged:
        kept = git_server.objects / oid(files[name])
        kept.write_bytes(flipped(files[name], chance))
    outcome = harness.run(repository.address, "here")
    assert (outcome.state, outcome.error.code) == ("failed", "digest_mismatch")
    told = {row["path"] for row in harness.report.files if row["error"]}
    assert told == {f"here/{name}" for name in damaged}
    assert harness.visible() == []
    kept = {path.name for path in harness.folder.rglob("*") if len(path.name) == 64}
    assert kept == {oid(files[name]) for name in set(files) - damaged}
