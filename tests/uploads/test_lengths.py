"""Files whose length is told later, or whose end is told and not counted."""

from __future__ import annotations

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.uploads.admission import UploadSettings
from jupyter_transfer.uploads.manager import Uploads
from jupyter_transfer.uploads.session import Session

from ..handlers.tus_client import metadata
from .calls import error_of, put


@pytest.fixture
def restart(root, store):
    """The same uploads as a new process sees them."""
    return lambda **settings: Uploads(root, store, UploadSettings(**settings))


async def create(uploads: Uploads, length: int | None, **options) -> str:
    append = await uploads.create("me", length, metadata(filename="a", conflict="fail"), **options)
    return (await append.finish()).upload.id


class TestDeclared:
    async def test_with_the_last_bytes(self, uploads, restart, folder):
        id = await create(uploads, None)
        state = await put(uploads, id, 0, b"abc")
        assert (state.offset, state.upload.length, state.upload.path) == (3, None, None)
        later = restart()
        assert (await later.state("me", id)).upload.length is None
        state = await put(later, id, 3, b"def", length=6)
        assert (state.upload.length, state.upload.path) == (6, "a")
        assert (folder / "a").read_bytes() == b"abcdef"
        assert (await restart().state("me", id)).upload.length == 6

    async def test_before_them(self, uploads, restart):
        id = await create(uploads, None)
        await put(uploads, id, 0, b"abc", length=6)
        later = restart()
        assert (await later.state("me", id)).upload.length == 6
        error = await error_of(put(later, id, 3, b"def", length=7))
        assert (error.code, error.detail["offset"]) == ("bad_request", 3)
        append = await later.append("me", id, 3, length=6)
        with pytest.raises(TransferError):
            append.feed(b"defg")
        assert (await error_of(append.finish())).code == "too_large"
        assert (await put(later, id, 3, b"def")).upload.path == "a"

    async def test_it_cannot_be_less_than_what_is_there(self, uploads):
        id = await create(uploads, None)
        await put(uploads, id, 0, b"abc")
        assert (await error_of(put(uploads, id, 3, b"", length=2))).code == "bad_request"
        assert (await put(uploads, id, 3, b"", length=3)).upload.path == "a"

    async def test_a_wrong_offset_declares_nothing(self, uploads):
        id = await create(uploads, None)
        assert (await error_of(put(uploads, id, 1, b"", length=9))).code == "offset_mismatch"
        assert (await uploads.state("me", id)).upload.length is None


class TestLimit:
    """The limit is accepted, one byte more is refused, however the pieces are cut."""

    async def test_counted(self, restart):
        uploads = restart(max_size=5)
        id = await create(uploads, None)
        await put(uploads, id, 0, b"abc")
        append = await uploads.append("me", id, 3)
        assert append.limit == 5
        with pytest.raises(TransferError) as caught:
            append.feed(b"def")
        assert caught.value.detail == {"max_size": 5}
        assert (await error_of(append.finish())).code == "too_large"
        assert (await put(uploads, id, 3, b"de", complete=True)).upload.path == "a"

    async def test_declared(self, restart):
        uploads = restart(max_size=5)
        id = await create(uploads, None)
        error = await error_of(put(uploads, id, 0, b"", length=6))
        assert (error.code, error.detail) == ("too_large", {"max_size": 5})
        assert (await put(uploads, id, 0, b"abcde", length=5)).upload.path == "a"

    async def test_the_disk(self, restart, monkeypatch):
        uploads = restart()
        id = await create(uploads, None)
        await put(uploads, id, 0, b"abc")
        monkeypatch.setattr(uploads._storage._root, "free_bytes", lambda path: 4)
        error = await error_of(put(uploads, id, 3, b"", length=8))
        assert (error.code, error.detail["needed_bytes"]) == ("disk_full", 5)
        assert (await put(uploads, id, 3, b"", length=7)).upload.length == 7


class TestExplicit:
    """IETF resumable uploads: reaching the length is not the end."""

    @pytest.mark.parametrize("length", [None, 6])
    async def test_the_client_says_when_it_is_whole(self, uploads, restart, folder, length):
        id = await create(uploads, length, explicit=True)
        state = await put(uploads, id, 0, b"abcdef")
        assert (state.offset, state.upload.path) == (6, None)
        later = restart()
        assert (await later.state("me", id)).upload.path is None
        state = await put(later, id, 6, b"", complete=True)
        assert (state.upload.length, state.upload.path) == (6, "a")
        assert (folder / "a").read_bytes() == b"abcdef"

    async def test_what_is_known_to_be_longer_is_not_whole(self, uploads):
        id = await create(uploads, 6, explicit=True)
        error = await error_of(put(uploads, id, 0, b"abc", complete=True))
        assert (error.code, error.detail) == ("bad_request", {"offset": 3, "length": 6})
        assert (await put(uploads, id, 3, b"def", complete=True)).upload.path == "a"

    async def test_an_empty_file(self, uploads, folder):
        append = await uploads.create("me", None, metadata(filename="e"), explicit=True)
        assert (await append.finish(complete=True)).upload.path == "e"
        assert (folder / "e").read_bytes() == b""

    async def test_a_crash_between_the_word_and_the_name(self, uploads, restart, monkeypatch):
        id = await create(uploads, None, explicit=True)
        with monkeypatch.context() as patch:
            patch.setattr(Session, "publish", lambda self: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await put(uploads, id, 0, b"abc", complete=True)
        state = await restart().state("me", id)
        assert (state.offset, state.upload.length, state.upload.path) == (3, 3, "a")

    async def test_a_crash_between_the_name_and_the_row(self, uploads, restart, store, tree):
        id = await create(uploads, None, explicit=True)
        real = store.upload_finish
        store.upload_finish = lambda *args: 1 / 0
        with pytest.raises(ZeroDivisionError):
            await put(uploads, id, 0, b"abc", complete=True)
        store.upload_finish = real
        for _ in range(2):
            state = await restart().state("me", id)
            assert (state.offset, state.upload.length, state.upload.path) == (3, 3, "a")
        assert tree() == ["a"]
