"""Kept archives: who may fetch them, how long, and what their jobs say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from tornado.iostream import StreamClosedError

from jupyter_transfer.archives import manager
from jupyter_transfer.archives.manager import Archives
from jupyter_transfer.errors import TransferError
from jupyter_transfer.spec import JobSpec, State

from ..conftest import until


class Jobs:
    """The jobs of downloads, in memory."""

    def __init__(self) -> None:
        self.states: dict[str, tuple[State, str]] = {}
        self.done: dict[str, int] = {}
        self.specs: dict[str, JobSpec] = {}
        self.cancel: dict[str, Callable[[], None]] = {}

    async def open(self, spec, owner, total, files, on_cancel):
        id = f"job{len(self.specs)}"
        self.specs[id] = spec
        self.states[id] = (State.QUEUED, "")
        self.cancel[id] = on_cancel
        return id

    async def reopen(self, id, owner, on_cancel):
        if id not in self.states:
            raise TransferError("not_found", "There is no such job.")
        self.states[id] = (State.QUEUED, "")
        self.cancel[id] = on_cancel

    def progress(self, id, bytes_done):
        self.states[id] = (State.RUNNING, "")
        self.done[id] = bytes_done

    async def end(self, id, state, error=None):
        self.states[id] = (state, error.code if error else "")


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def kept(root, folder, jobs):
    """Keep an archive of one small file; returns the manager and the archive."""
    (folder / "f").write_bytes(b"content")

    async def keep(**options):
        archives = Archives(jobs, **options)
        return archives, await archives.keep(await archives.prepare(root, ["f"]), "ann")

    return keep


async def test_the_job_of_a_whole_download(kept, jobs):
    archives, archive = await kept()
    assert jobs.specs[archive.job].kind == "download"
    assert jobs.specs[archive.job].options == {"paths": ["f"], "format": "zip"}
    size = archive.layout.size
    async with archives.sending(archive, 0, lambda: None) as moved:
        assert jobs.states[archive.job] == (State.RUNNING, "")
        moved(size)
    assert jobs.states[archive.job] == (State.DONE, "")
    archives.close()


async def test_a_browser_that_leaves_and_comes_back(kept, jobs):
    archives, archive = await kept()
    size = archive.layout.size
    with contextlib.suppress(StreamClosedError):
        async with archives.sending(archive, 0, lambda: None) as moved:
            moved(10)
            raise StreamClosedError
    assert jobs.states[archive.job] == (State.FAILED, "connection_lost")
    async with archives.sending(archive, 5, lambda: None) as moved:
        assert jobs.states[archive.job] == (State.RUNNING, "")
        assert jobs.done[archive.job] == 10
        moved(size - 5)
    assert jobs.states[archive.job] == (State.DONE, "")
    # Once more, as a new download.
    async with archives.sending(archive, 0, lambda: None):
        assert (jobs.states[archive.job], jobs.done[archive.job]) == ((State.RUNNING, ""), 0)
    archives.close()


async def test_one_of_two_requests_leaving_does_not_fail_the_job(kept, jobs):
    archives, archive = await kept()
    size = archive.layout.size
    async with archives.sending(archive, 0, lambda: None) as moved:
        with pytest.raises(StreamClosedError):
            async with archives.sending(archive, 0, jobs.done.clear):
                raise StreamClosedError
        assert jobs.states[archive.job] == (State.RUNNING, "")
        moved(size)
    assert jobs.states[archive.job] == (State.DONE, "")
    archives.close()


async def test_several_answers_make_it_done_when_all_have_left(kept, jobs):
    """As download managers ask, in parts and in any order."""
    archives, archive = await kept()
    size = archive.layout.size
    for start, end in [(20, size), (0, 10), (10, 20)]:
        assert jobs.states[archive.job] != (State.DONE, "")
        async with archives.sending(archive, start, lambda: None) as moved:
            moved(end - start)
    assert jobs.states[archive.job] == (State.DONE, "")
    archives.close()


async def test_a_changed_file_ends_it_for_good(kept, jobs):
    archives, archive = await kept()
    with pytest.raises(TransferError):
        async with archives.sending(archive, 0, lambda: None):
            raise archive.manifest.members[0].changed()
    assert jobs.states[archive.job] == (State.FAILED, "changed")
    with pytest.raises(TransferError) as caught:
        archives.get(archive.id, "ann")
    assert caught.value.code == "changed"
    archives.close()


async def test_an_error_that_may_pass_does_not(kept, jobs):
    archives, archive = await kept()
    with pytest.raises(ZeroDivisionError):
        async with archives.sending(archive, 0, lambda: None):
            raise ZeroDivisionError
    assert jobs.states[archive.job] == (State.FAILED, "internal")
    assert archives.get(archive.id, "ann") is archive
    archives.close()


async def test_cancelling_cuts_every_request_and_forgets_it(kept, jobs):
    archives, archive = await kept()
    cuts: list[str] = []
    with contextlib.suppress(StreamClosedError):
        async with archives.sending(archive, 0, lambda: cuts.append("cut")):
            jobs.cancel[archive.job]()
            raise StreamClosedError
    assert cuts == ["cut"]
    assert jobs.states[archive.job] == (State.RUNNING, "")  # its row was settled by whoever asked
    with pytest.raises(TransferError) as caught:
        archives.get(archive.id, "ann")
    assert caught.value.code == "not_found"
    archives.close()


async def test_a_row_that_was_removed_does_not_stop_the_browser(kept, jobs):
    archives, archive = await kept()
    size = archive.layout.size
    async with archives.sending(archive, 0, lambda: None) as moved:
        moved(size)
    jobs.states.clear()
    async with archives.sending(archive, 0, lambda: None) as moved:
        moved(size)
    assert jobs.states == {}
    archives.close()


async def test_strangers_and_unknown_ids_hear_the_same(kept):
    archives, archive = await kept()
    answers = []
    for id, owner in [(archive.id, "bob"), ("0" * 32, "ann"), ("", "ann")]:
        with pytest.raises(TransferError) as caught:
            archives.get(id, owner)
        answers.append(caught.value.as_dict())
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["code"] == "not_found"
    archives.close()


async def test_nobody_fetches_it(kept, jobs):
    archives, archive = await kept(expiry=0.05)
    await until(lambda: jobs.states[archive.job][0] is State.FAILED)
    assert jobs.states[archive.job] == (State.FAILED, "gone")
    with pytest.raises(TransferError):
        archives.get(archive.id, "ann")
    archives.close()


async def test_what_is_being_fetched_does_not_expire(kept, jobs):
    archives, archive = await kept(expiry=0.02)
    async with archives.sending(archive, 0, lambda: None):
        await asyncio.sleep(0.2)
        assert archives.get(archive.id, "ann") is archive
    archives.close()


async def test_too_many_members_push_out_the_oldest(kept, root, folder, jobs, monkeypatch):
    monkeypatch.setattr(manager, "KEPT_MEMBERS", 2)
    archives, first = await kept()
    others = [await archives.keep(await archives.prepare(root, ["f"]), "ann") for _ in range(2)]
    with pytest.raises(TransferError):
        archives.get(first.id, "ann")
    assert [archives.get(other.id, "ann") for other in others] == others
    archives.close()


@pytest.mark.parametrize(
    ("paths", "name", "expected"),
    [
        (["f"], "", "f.zip"),
        (["f"], "my data", "my data.zip"),
        (["f"], "x.ZIP", "x.ZIP"),
        (["f"], "../../etc/passwd", "passwd.zip"),
        (["d/a", "d/b"], "", "d.zip"),
        (["f", "d"], "", "archive.zip"),
        ([""], "", "archive.zip"),
        (["f", "d/a"], "", "archive.zip"),
    ],
)
async def test_name(root, folder, jobs, paths, name, expected):
    (folder / "f").touch()
    (folder / "d").mkdir()
    (folder / "d" / "a").touch()
    (folder / "d" / "b").touch()
    archive = await Archives(jobs).prepare(root, paths, name=name)
    assert archive.name == expected


async def test_formats_and_limits(root, folder, jobs):
    (folder / "f").write_bytes(bytes(100))
    with pytest.raises(TransferError) as caught:
        await Archives(jobs).prepare(root, ["f"], "rar")
    assert (caught.value.code, caught.value.detail) == ("bad_request", {"formats": ["zip"]})
    size = (await Archives(jobs).prepare(root, ["f"])).layout.size
    assert (await Archives(jobs, max_size=size).prepare(root, ["f"])).layout.size == size
    for limit in (99, size - 1):
        with pytest.raises(TransferError) as caught:
            await Archives(jobs, max_size=limit).prepare(root, ["f"])
        assert caught.value.code == "too_large"
