"""Any history of requests, right and wrong, with restarts in between: the bytes are always right.

The model is what a client knows: for each upload the bytes that were acknowledged. Hypothesis makes
up the requests and finds the shortest history that breaks a promise.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from jupyter_transfer.errors import TransferError
from jupyter_transfer.paths import Root
from jupyter_transfer.store import Store
from jupyter_transfer.uploads.admission import UploadSettings
from jupyter_transfer.uploads.append import UploadState
from jupyter_transfer.uploads.checksum import Checksum
from jupyter_transfer.uploads.manager import Uploads

from ..handlers.tus_client import checksum, metadata

LIMIT = 24
"""Bytes in one file."""

sizes = st.just(LIMIT) | st.integers(0, LIMIT + 2)
pieces = st.binary(max_size=LIMIT // 2)


@dataclass
class Model:
    """One upload as its client knows it."""

    id: str
    length: int | None
    explicit: bool = False
    partial: bool = False
    data: bytes = b""
    path: str | None = None
    completed: bool = False
    """Whether the client said that this is all."""

    @property
    def full(self) -> bool:
        return self.length == len(self.data)


@dataclass
class Segments:
    """One file in segments."""

    name: str
    data: bytes
    spans: list[tuple[int, int]]
    ids: list[str] = field(default_factory=list)


class Histories(RuleBasedStateMachine):
    uploads_made = Bundle("uploads_made")
    partials = Bundle("partials")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "root").mkdir()
        self.root = Root(str(self.folder / "root"))
        self.store = Store(str(self.folder / "state"))
        self.files: dict[str, bytes] = {}
        self.open: list[Model] = []
        self.uploads = self.new_process()

    def new_process(self) -> Uploads:
        return Uploads(self.root, self.store, UploadSettings(max_size=LIMIT))

    def teardown(self) -> None:
        self.do(self.uploads.stop())
        self.store.close()
        self.root.close()
        self.loop.close()
        shutil.rmtree(self.folder)

    def do(self, work) -> UploadState | TransferError:
        """The result of a request, be it an error."""
        try:
            return self.loop.run_until_complete(work)
        except TransferError as error:
            return error

    async def send(self, append, data: bytes, complete: bool = False) -> UploadState:
        try:
            append.feed(data)
        except TransferError:
            assert append.limit is not None
            assert append.offset + len(data) > append.limit
        return await append.finish(complete=complete)

    def note(self, model: Model, state: UploadState) -> None:
        """What an answer says is what the client knows."""
        assert state.offset == len(model.data)
        whole = model.full and not model.partial and (model.completed or not model.explicit)
        assert (state.upload.path is not None) == whole
        if whole:
            model.path = state.upload.path
            assert self.files.setdefault(model.path, model.data) == model.data

    # -- requests --

    @rule(
        target=uploads_made,
        length=st.none() | sizes,
        explicit=st.booleans(),
        data=pieces,
        digest=st.booleans(),
    )
    def create(self, length, explicit, data, digest):
        async def work():
            header = metadata(filename="a", **self.digest_of(length, data, digest))
            append = await self.uploads.create("me", length, header, explicit=explicit)
            return await self.send(append, data)

        return self.created(self.do(work()), length, data, explicit=explicit)

    @staticmethod
    def digest_of(length: int | None, data: bytes, wanted: bool) -> dict[str, str]:
        known = wanted and length == len(data)
        return {"sha256": hashlib.sha256(data).hexdigest()} if known else {}

    @rule(target=partials, length=st.none() | sizes, data=pieces)
    def create_partial(self, length, data):
        async def work():
            append = await self.uploads.create("me", length, "", concat="partial")
            return await self.send(append, data)

        return self.created(self.do(work()), length, data, partial=True)

    def created(self, result, length, data, **options):
        limit = LIMIT if length is None else length
        if isinstance(result, TransferError):
            assert result.code == "too_large"
            assert len(data) > limit or limit > LIMIT
            return multiple()
        assert len(data) <= limit <= LIMIT
        model = Model(result.upload.id, length, data=data, **options)
        self.note(model, result)
        self.open.append(model)
        return model

    @rule(
        model=st.one_of(uploads_made, partials),
        at=st.sampled_from([0, 0, 0, 0, 1, -1]),
        data=pieces,
        length=st.none() | sizes,
        stated=st.sampled_from([None, "right", "wrong"]),
        complete=st.booleans(),
        cut=st.booleans(),
    )
    def append(self, model, at, data, length, stated, complete, cut):
        offset = len(model.data) + at
        said = {"right": data, "wrong": data + b"!"}.get(stated)
        check = None if said is None else Checksum.from_header(checksum("sha1", said))
        complete = complete and model.explicit

        async def work():
            append = await self.uploads.append(
                "me", model.id, offset, length=length, checksum=check
            )
            if cut and append.offset + len(data) <= (append.limit or LIMIT):
                append.feed(data)
                await append.aborted()
                return await self.uploads.state("me", model.id)
            return await self.send(append, data, complete)

        result = self.do(work())
        declared = model.length if model.length is not None else length
        if model.path is not None or at:
            assert result.code in ("offset_mismatch", "not_found")
            return
        if model.length is None and length is not None and len(model.data) <= length <= LIMIT:
            model.length = length  # it holds whatever becomes of the bytes
        limit = LIMIT if declared is None else declared
        kept = model.data + data
        if isinstance(result, TransferError):
            self.refused(model, result, length, kept, stated, complete)
            return
        assert length is None or length == declared
        assert len(kept) <= limit
        if not (cut and stated):
            assert stated != "wrong"
            model.data = kept
        if complete and not cut:
            model.length, model.completed = len(kept), True
        self.note(model, result)

    def refused(self, model, error, length, kept, stated, complete) -> None:
        if error.code == "digest_mismatch":
            assert stated == "wrong"
        elif error.code == "too_large":
            assert len(kept) > (LIMIT if model.length is None else model.length) or length > LIMIT
        else:
            assert error.code == "bad_request"
            if complete and length in (None, model.length) and len(kept) < (model.length or 0):
                model.data = kept  # not the end, but bytes all the same
            else:
                assert length != model.length or length < len(model.data)

    @rule(model=st.one_of(uploads_made, partials))
    def look(self, model):
        result = self.do(self.uploads.state("me", model.id))
        assert isinstance(result, UploadState)
        assert result.upload.length == model.length
        self.note(model, result)

    @rule(model=consumes(uploads_made) | consumes(partials))
    def terminate(self, model):
        assert self.do(self.uploads.terminate("me", model.id)) is None
        assert self.do(self.uploads.state("me", model.id)).code == "not_found"
        self.open.remove(model)

    @rule(models=st.lists(partials, min_size=1, max_size=3))
    def join(self, models):
        work = self.uploads.concatenate(
            "me", [model.id for model in models], metadata(filename="j"), "final;…"
        )
        result = self.do(work)
        whole = b"".join(model.data for model in models)
        if not all(model.full for model in models):
            assert result.code == "conflict"
        elif len(whole) > LIMIT:
            assert result.code == "too_large"
        else:
            self.files[result.upload.path] = whole

    @rule(data=st.binary(min_size=1, max_size=LIMIT), cut=st.integers(0, LIMIT), name=st.uuids())
    def segments(self, data, cut, name):
        """A whole file in segments, the second first, with a restart before the end."""

        async def work(start, end):
            place = metadata(filename="s", assembly=name.hex, start=str(start), size=str(len(data)))
            append = await self.uploads.create("me", end - start, place, concat="partial")
            return (await self.send(append, data[start:end])).upload.id

        cut = min(cut, len(data))
        ids = [self.loop.run_until_complete(work(*span)) for span in ((cut, len(data)), (0, cut))]
        self.restart()
        for _ in range(2):
            work_of_end = self.uploads.concatenate("me", ids, metadata(filename="s"), "final;…")
            path = self.do(work_of_end).upload.path
            assert self.files.setdefault(path, data) == data

    @rule()
    def restart(self):
        self.do(self.uploads.stop())
        self.uploads = self.new_process()

    # -- promises --

    @invariant()
    def the_files_are_right(self):
        found = {
            str(path.relative_to(self.folder / "root")): path.read_bytes()
            for path in (self.folder / "root").glob("*")
            if path.is_file()
        }
        assert found == self.files

    @invariant()
    def only_what_is_open_lies_beside_them(self):
        staged = {path.name for path in (self.folder / "root").glob(".jupyter-transfer/*")}
        expected = {
            f"{model.id}.{kind}"
            for model in self.open
            if model.path is None
            for kind in ("part", "journal")
        }
        assert staged == expected


TestHistories = pytest.mark.timeout(300)(Histories.TestCase)
Histories.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
