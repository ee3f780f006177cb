"""The database is lost; what lies on disk is not, and uploads go on from there."""

from __future__ import annotations

import json
import logging
import os
import time
import zlib

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.store import Store
from jupyter_transfer.uploads.admission import UploadSettings
from jupyter_transfer.uploads.manager import Uploads

from ..handlers.tus_client import metadata
from .calls import put
from .tars import tar

DATA = b"0123456789"


@pytest.fixture
def lose(root, tmp_path):
    """Damages the database of `store`, and starts new uploads over the same disk."""
    made: list[Store] = []

    async def restart(store: Store, **settings) -> Uploads:
        store.close()
        with open(store.path, "r+b") as file:
            file.write(os.urandom(5000))
        new = Store(str(tmp_path / "state"))
        assert new.damaged
        made.append(new)
        uploads = Uploads(root, new, UploadSettings(**settings))
        await uploads.start(lost=new.lost)
        uploads._cleaning.cancel()
        return uploads

    yield restart
    for store in made:
        store.close()


async def begin(uploads: Uploads, length: int, data: bytes, header: str, **options) -> str:
    append = await uploads.create("me", length, header, **options)
    append.feed(data)
    return (await append.finish()).upload.id


async def test_a_file_goes_on(uploads, store, lose, folder, tree):
    (folder / "deep" / "er").mkdir(parents=True)
    id = await begin(uploads, 10, DATA[:4], metadata(filename="a", path="deep/er"))
    again = await lose(store, expiry=1000)
    state = await again.state("me", id)
    assert (state.offset, state.upload.length) == (4, 10)
    assert state.upload.expires == pytest.approx(time.time() + 1000, abs=60)
    assert (await put(again, id, 4, DATA[4:])).upload.path == "deep/er/a"
    assert (folder / "deep" / "er" / "a").read_bytes() == DATA
    assert tree() == ["deep", "deep/er", "deep/er/a"]


async def test_it_stays_its_owners(uploads, store, lose):
    id = await begin(uploads, 10, DATA[:4], metadata(filename="a"))
    again = await lose(store)
    with pytest.raises(TransferError) as caught:
        await again.state("other", id)
    assert caught.value.code == "not_found"


async def test_what_had_expired_in_the_old_list_gets_its_time_again(uploads, store, lose, later):
    id = await begin(uploads, 10, DATA[:4], metadata(filename="a"))
    later(uploads.settings.expiry + 1)
    assert (await (await lose(store)).state("me", id)).offset == 4


async def test_segments_become_their_file(uploads, store, lose, folder, tree):
    pairs = {"assembly": "0" * 32, "size": "10", "filename": "a"}
    ids = []
    for start, end in ((0, 6), (6, 10)):
        header = metadata(start=str(start), **pairs)
        data = DATA[start:end] if start else DATA[:3]
        ids.append(await begin(uploads, end - start, data, header, concat="partial"))
    again = await lose(store)
    assert [(await again.state("me", id)).offset for id in ids] == [3, 4]
    await put(again, ids[0], 3, DATA[3:6])
    header = metadata(filename="a", assembly="0" * 32)
    state = await again.concatenate("me", ids, header, "final;…")
    assert state.upload.path == "a"
    assert (folder / "a").read_bytes() == DATA
    assert tree() == ["a"]


async def test_a_sealed_file_whose_end_was_not_recorded(uploads, store, lose, folder, monkeypatch):
    """The journal of the whole file is no upload: its segments make it once more."""
    header = metadata(start="0", assembly="0" * 32, size="10", filename="a")
    id = await begin(uploads, 10, DATA, header, concat="partial")

    def full(*_):
        raise TransferError("disk_full", "…")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "assembly_finish", full)
        await uploads.concatenate("me", [id], metadata(filename="a"), "final;…")
    again = await lose(store)
    state = await again.concatenate("me", [id], metadata(filename="a"), "final;…")
    assert state.upload.path == "a"
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert (folder / "a").read_bytes() == DATA


async def test_a_pack_goes_on(uploads, store, lose, folder, tree):
    data = tar(("x", b"1" * 700), ("y", b"2" * 700))
    half = data.index(b"y\0")
    id = await begin(uploads, len(data), data[:half], metadata(pack="tar", path="p"))
    assert tree()[-2:] == ["p", "p/x"]
    again = await lose(store)
    state = await again.state("me", id)
    assert (state.offset, state.upload.files["done"]) == (half, 1)
    state = await put(again, id, half, data[half:])
    assert state.upload.files == {"done": 2, "failed": 0, "skipped": 0}
    assert tree() == ["p", "p/x", "p/y"]


@pytest.mark.parametrize(
    "header",
    [
        {"kind": "fetch"},
        {"upload": {"id": "x"}},
        {"upload": 5},
        {"upload": None},
        {"id": "forged", "metadata": {"header": metadata(filename="a", path="../out")}},
        {"id": "forged", "metadata": {"header": metadata(filename="x", path=".ssh")}},
        {"id": "forged", "metadata": {"header": metadata(filename="a", conflict="no")}},
        {"id": "forged", "metadata": {"header": 5}},
        {"id": "forged", "metadata": {}},
        {"id": "forged", "length": -1},
        {"id": "forged", "length": "ten"},
        {"id": "forged", "assembly": "0" * 32},
        {"id": "other"},
    ],
)
async def test_journals_that_are_not_believed(uploads, store, lose, folder, tree, header, caplog):
    id = await begin(uploads, 10, DATA[:4], metadata(filename="a"))
    staging = folder / ".jupyter-transfer"
    if "upload" not in header and "kind" not in header:
        line = (staging / f"{id}.journal").read_bytes().splitlines()[0]
        header = {"upload": {**json.loads(line.partition(b" ")[2])["upload"], **header}}
    text = json.dumps(header).encode()
    (staging / "forged.journal").write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
    (staging / "torn.journal").write_bytes(b"00000000 {")
    before = tree()
    with caplog.at_level(logging.WARNING):
        again = await lose(store)
    assert tree() == before
    with pytest.raises(TransferError) as caught:
        await again.state("me", "forged")
    assert caught.value.code == "not_found"
    assert "1 uploads were found again" in caplog.text
    assert (await again.state("me", id)).offset == 4
