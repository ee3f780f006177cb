"""Packs: a tar stream of many files, of which each is published as it completes."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import time
from contextlib import suppress

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.parts import StagedFiles
from jupyter_transfer.paths import Folders, Root
from jupyter_transfer.uploads import announcer, pack
from jupyter_transfer.uploads.metadata import UploadSpec
from jupyter_transfer.uploads.pack import PackSession
from jupyter_transfer.uploads.rows import Upload

from .tars import records, tar


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr(pack, "GROUP_FILES", 3)


@pytest.fixture
def published() -> list[str]:
    return []


@pytest.fixture
def session(root, published):
    """Makes the session of a pack, or finds it again."""
    opened: list[PackSession] = []

    def make(data: bytes, folder: str = "", **spec) -> PackSession:
        now = time.time()
        spec = UploadSpec(folder, "", pack="tar", **spec)
        upload = Upload("0" * 32, "me", "", len(data), now, now, spec)
        if opened:
            opened.pop().close()  # as a crash: nothing is recorded
            opened.append(PackSession.open(root, upload, None))
        else:
            opened.append(PackSession.create(root, upload, None))
        opened[0].on_published = published.extend
        return opened[0]

    yield make
    for one in opened:
        one.close()


def send(session: PackSession, data: bytes, step: int = 1000) -> None:
    """All that is missing, durable in steps."""
    while session.offset < len(data):
        session.write([data[session.offset : session.offset + step]])
        session.checkpoint()


def send_all(session: PackSession, data: bytes, step: int = 1000) -> None:
    """All that is missing, and the end."""
    send(session, data, step)
    session.publish()


def content(folder) -> dict[str, bytes]:
    """All files below `folder`, without what is staged."""
    paths = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in paths.items()
        if not name.startswith(".jupyter-transfer")
    }


def count(done: int = 0, failed: int = 0, skipped: int = 0) -> dict[str, int]:
    return {"done": done, "failed": failed, "skipped": skipped}


FILES = {f"d{n % 3}/f{n}": os.urandom(n * 97) for n in range(20)}
DATA = tar(*FILES.items())


def test_files_appear_as_they_complete(session, folder, published):
    s = session(DATA, "into")
    s.write([DATA[:3000]])
    assert content(folder) == {}
    s.checkpoint()
    early = {path.removeprefix("into/"): data for path, data in content(folder).items()}
    assert early
    assert early.items() < FILES.items()
    assert s.upload.files == count(done=len(early))
    send(s, DATA)
    assert s.whole
    assert s.publish() == ("into", False)
    assert content(folder / "into") == FILES
    assert sorted(published) == sorted(f"into/{name}" for name in FILES)
    assert s.results() == []
    s.forget()
    assert sorted(os.listdir(folder)) == ["into"]


def test_times_and_empty_folders(session, folder):
    data = tar(
        ("a/f", b"x", {"mtime": 1_700_000_000.25}),
        ("a/empty/deeper/", None),
        ("a/", None),
        ("./", None),
    )
    s = session(data, "new")
    send(s, data)
    s.publish()
    assert (folder / "new/a/f").stat().st_mtime_ns == 1_700_000_000_250_000_000
    assert list((folder / "new/a/empty").iterdir()) == [folder / "new/a/empty/deeper"]
    assert s.upload.files == count(done=1)


@pytest.mark.parametrize("step", [1, 700])
def test_it_goes_on_wherever_it_stopped(session, folder, step):
    data = tar(("a", b"1" * 1500), ("b", b""), ("c/d", b"2" * 600), ("e", b"3"))
    for end in range(step, len(data) + step, step * 97):
        s = session(data)
        s.write([data[s.offset : min(end, len(data))]])
        s.checkpoint()
        s.write([b"lost"])  # never synced
    send(session(data), data)
    assert session(data).publish() == ("", False)
    assert content(folder) == {"a": b"1" * 1500, "b": b"", "c/d": b"2" * 600, "e": b"3"}
    assert session(data).upload.files == count(done=4)


def test_a_file_that_is_larger_than_a_group(session, folder, monkeypatch):
    monkeypatch.setattr(pack, "GROUP_BYTES", 1 << 20)
    files = {"big": os.urandom(5 << 20), "small": b"x", "other": os.urandom(3 << 20)}
    data = tar(*files.items())
    while (s := session(data)).offset < len(data):
        s.write([data[s.offset : s.offset + (700 << 10)]])
        s.checkpoint()
        assert s.offset
    s.publish()
    assert content(folder) == files


def test_bytes_of_published_files_are_given_back(session, folder):
    data = tar(("a", os.urandom(4 << 20)), ("b", os.urandom(4 << 20)))
    s = session(data)
    send(s, data, 1 << 20)
    part = folder / ".jupyter-transfer" / f"{s.upload.id}.part"
    assert part.stat().st_size == len(data)
    assert part.stat().st_blocks * 512 < 1 << 20


HOSTILE = [
    "/etc/passwd",
    "../up",
    "a/../../up",
    "a//b",
    ".hidden",
    "a/.ssh/keys",
    ".jupyter-transfer/x",
    "x" * 256,
    "a\nb",
    "a\\b",
    "a\u202eb",
    "/".join(["d"] * 2100),
    "file/below",
]


def test_names_are_not_believed(session, folder, tmp_path):
    (folder / "file").write_bytes(b"mine")
    (folder / "out").symlink_to(tmp_path)
    names = [*HOSTILE, "out/x"]
    data = tar(*((name, b"bad") for name in names), ("good", b"ok"), ("file/", None))
    s = session(data)
    send(s, data)
    s.publish()
    assert content(folder) == {"file": b"mine", "good": b"ok"}
    assert s.upload.files == count(done=1, failed=len(names) + 1)
    assert [result["name"] for result in s.results()] == [*names, "file/"]
    codes = {result["error"]["code"] for result in s.results()}
    assert codes == {"invalid_path", "hidden_path", "not_a_directory"}
    assert str(tmp_path) not in str(s.results())
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["n\0l", "n\udcffl", "x/"])
def test_names_that_are_none(session, folder, name):
    data = tar(("a", b"x", {"pax_headers": {"path": name}}), ("b", b"x"), ("", b"x"))
    s = session(data)
    send(s, data)
    s.publish()
    assert content(folder) == {"b": b"x"}
    assert [r["error"]["code"] for r in s.results()] == ["invalid_path"] * 2


def test_names_are_composed_and_listed_as_they_were_sent(session, folder):
    (folder / "é").write_bytes(b"old")
    data = tar(("e\u0301", b"x"))
    s = session(data, conflict="skip")
    send_all(s, data)
    assert content(folder) == {"é": b"old"}
    assert [(r["name"], r["path"]) for r in s.results()] == [("e\u0301", "é")]


@pytest.mark.parametrize("cut", [False, True])
def test_a_relaxed_session(session, folder, monkeypatch, cut):
    """What is published is on disk for good, also where bytes are acknowledged before they are."""
    s = session(DATA)
    s.relaxed = True
    s.write([DATA[:8000]])
    s.checkpoint()
    unpacked, files = s.unpacked, s.upload.files
    assert unpacked
    s.write([DATA[8000:8100]])
    s.checkpoint()
    if cut:
        monkeypatch.setattr("jupyter_transfer.uploads.session.boot_id", lambda: "another")
    s = session(DATA)
    assert s.offset == (8000 if cut else 8100)
    assert (s.unpacked, s.upload.files) == (unpacked, files)
    s.relaxed = True
    send_all(s, DATA)
    assert content(folder) == FILES


@pytest.mark.parametrize("step", ["publish", "make"])
def test_a_power_cut_while_a_relaxed_session_publishes(session, folder, monkeypatch, step):
    s = session(DATA)
    s.relaxed = True
    s.write([DATA[:8000]])
    with monkeypatch.context() as patch:
        patch.setattr(Folders, step, crash_now)
        with pytest.raises(Crash):
            s.checkpoint()
    monkeypatch.setattr("jupyter_transfer.uploads.session.boot_id", lambda: "another")
    s = session(DATA)
    assert s.offset == 8000
    send_all(s, DATA)
    assert content(folder) == FILES


def test_a_request_that_is_given_up_keeps_what_is_being_published(session, folder, monkeypatch):
    s = session(DATA)
    s.write([DATA[:8000]])
    real = Folders.publish
    left = [1]

    def full(*args):
        if not left:
            raise TransferError("disk_full", "The disk of the server is full.")
        left.pop()
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Folders, "publish", full)
        with pytest.raises(TransferError):
            s.checkpoint()
        s.rollback(0)
    assert 0 < s.offset <= 8000
    s = session(DATA)
    send_all(s, DATA)
    assert content(folder) == FILES


def test_nothing_runs_as_someone_else(session, folder):
    data = tar(("a", b"x", {"mode": 0o6777, "uid": 0}))
    s = session(data)
    send(s, data)
    s.publish()
    assert (folder / "a").stat().st_mode & 0o7000 == 0
    assert (folder / "a").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize(
    ("conflict", "files", "expected"),
    [
        ("rename", {"a": b"old", "a (1)": b"new", "a (2)": b"newer"}, count(done=2)),
        ("overwrite", {"a": b"newer"}, count(done=2)),
        ("skip", {"a": b"old"}, count(skipped=2)),
        ("fail", {"a": b"old"}, count(failed=2)),
    ],
)
def test_conflicts(session, folder, conflict, files, expected):
    (folder / "a").write_bytes(b"old")
    data = tar(("a", b"new"), ("a", b"newer"))
    s = session(data, conflict=conflict)
    send(s, data)
    s.publish()
    assert content(folder) == files
    assert s.upload.files == expected
    states = {"done", "skipped", "failed"} & {r["state"] for r in s.results()}
    if conflict == "rename":
        assert [(r["name"], r["path"]) for r in s.results()] == [("a", "a (1)"), ("a", "a (2)")]
    elif conflict == "overwrite":
        assert s.results() == []
    else:
        assert states == {"skipped" if conflict == "skip" else "failed"}


def test_one_file_has_a_policy_of_its_own(session, folder):
    (folder / "a").write_bytes(b"old")
    data = tar(("a", b"new", records(conflict="overwrite")), ("a", b"x"))
    s = session(data, conflict="skip")
    send(s, data)
    s.publish()
    assert content(folder) == {"a": b"new"}
    assert s.upload.files == count(done=1, skipped=1)


def test_a_folder_is_never_replaced_by_a_file(session, folder):
    (folder / "a").mkdir()
    data = tar(("a", b"new"))
    s = session(data, conflict="overwrite")
    send(s, data)
    s.publish()
    assert [r["error"]["code"] for r in s.results()] == ["is_a_directory"]


def test_digests(session, folder):
    right, wrong = hashlib.sha256(b"right").hexdigest(), hashlib.sha256(b"x").hexdigest()
    big = os.urandom(3 << 20)
    data = tar(
        ("a", b"right", records(sha256=right)),
        ("b", b"wrong", records(sha256=wrong)),
        ("c", big, records(sha256=hashlib.sha256(big).hexdigest())),
        ("d", big, records(sha256=wrong)),
        ("a", b"right", records(sha256=right)),
    )
    s = session(data)
    send(s, data, 1 << 20)
    s.publish()
    assert content(folder) == {"a": b"right", "c": big, "a (1)": b"right"}
    bad, worse, again = s.results()
    assert {bad["error"]["code"], worse["error"]["code"]} == {"digest_mismatch"}
    assert (bad["state"], bad["path"]) == ("failed", "b")
    assert (again["digest"], again["verified"]) == (right, True)


def test_garbage_ends_the_pack_and_what_came_before_stays(session, folder):
    data = tar(("a", b"x"))[:1024] + os.urandom(9000)
    s = session(data)
    for _ in range(2):
        with pytest.raises(TransferError) as caught:
            send_all(s, data, 100_000)
        assert caught.value.code == "bad_request"
        s = session(data)
    assert content(folder) == {"a": b"x"}


@pytest.mark.parametrize("cut", [1023, 1024, 1500, 1536])
def test_a_pack_without_an_end(session, folder, cut):
    data = tar(("a", b"x"))[:cut]
    s = session(data)
    with pytest.raises(TransferError) as caught:
        send_all(s, data, 2000)
    assert caught.value.code == "bad_request"


def test_a_request_that_is_given_up_takes_no_published_file_along(session, folder):
    s = session(DATA)
    s.write([DATA[:6000]])
    s.checkpoint()
    assert s.unpacked > 0
    s.rollback(0)
    assert s.offset == s.unpacked
    send(session(DATA), DATA)
    s = session(DATA)
    s.publish()
    assert content(folder) == FILES
    assert s.upload.files == count(done=len(FILES))


def test_bytes_that_were_rolled_back_are_not_remembered(session, folder):
    data = tar(("a", b"1" * 2000), ("b", b"2" * 2000))
    other = tar(("a", b"3" * 2000), ("c", b"4" * 2000))
    s = session(data)
    s.write([data[:1500]])
    s.checkpoint()
    s.rollback(0)
    send(s, other)
    s.publish()
    assert content(folder) == {"a": b"3" * 2000, "c": b"4" * 2000}


# -- crashes and full disks -----------------------------------------------------------------------

STEPS = [
    (StagedFiles, "write"),
    (StagedFiles, "sync"),
    (StagedFiles, "intend"),
    (StagedFiles, "remove"),
    (Folders, "publish"),
    (Folders, "make"),
    (PackSession, "_record_group"),
]


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("linked", [False, True], ids=["renamed", "linked"])
@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_crash_before_and_after_each_step(
    session, folder, published, monkeypatch, owner, step, linked, after
):
    """Nothing is lost, nothing published twice: not with `rename`, where a second publication
    would get a name of its own, nor with `fail`, where it would be a failure."""
    if linked:
        monkeypatch.setattr("jupyter_transfer.paths._rename_no_replace", no_renameat2)
    names = [f"f{n}" for n in range(7)]
    wrong = records(sha256="0" * 64)
    data = tar(
        ("taken", b"new"),
        *((name, name.encode(), records(conflict="fail")) for name in names),
        ("bad", b"", wrong),
        ("last", b"z"),
    )
    (folder / "taken").write_bytes(b"old")
    real = getattr(owner, step)
    calls = 0
    fatal = 0

    def crash(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == fatal and not after:
            raise Crash
        result = real(*args, **kwargs)
        if calls == fatal:
            raise Crash
        return result

    monkeypatch.setattr(owner, step, crash)
    s = session(data)
    while not s.whole or s.publish() is None:
        calls, fatal = 0, fatal + 1
        try:
            send(s, data, 2500)
            s.publish()
        except Crash:
            s = session(data)
        else:
            break
        assert fatal < 100
    assert calls < fatal, "it never got through"
    files = {name: name.encode() for name in names}
    assert content(folder) == {"taken": b"old", "taken (1)": b"new", "last": b"z", **files}
    assert s.upload.files == count(done=9, failed=1)
    assert [(r["name"], r["path"], r["state"]) for r in s.results()] == [
        ("taken", "taken (1)", "done"),
        ("bad", "bad", "failed"),
    ]
    s.forget()
    assert not (folder / ".jupyter-transfer").exists()


def no_renameat2(*args) -> None:
    raise OSError(errno.EINVAL, "")


@pytest.mark.parametrize(("owner", "step"), STEPS[:6], ids=[step for _, step in STEPS[:6]])
def test_a_full_disk_at_each_step(session, folder, monkeypatch, owner, step):
    real = getattr(owner, step)
    left = 0

    def full(*args, **kwargs):
        nonlocal left
        left -= 1
        if left < 0:
            raise TransferError("disk_full", "The disk of the server is full.")
        return real(*args, **kwargs)

    s = session(DATA)
    monkeypatch.setattr(owner, step, full)
    for tries in range(100):
        left = tries
        with suppress(TransferError):
            send_all(s, DATA)
            break
        if tries % 2:
            s = session(DATA)
    assert content(folder) == FILES
    assert s.upload.files == count(done=len(FILES))
    assert s.results() == []


def test_a_crash_forgets_what_was_moved_meanwhile(session, folder, monkeypatch):
    """A published file that its owner moved away before we were back is not missed."""
    monkeypatch.setattr(PackSession, "_record_group", crash_now)
    data = tar(("a", b"1"), ("b", b"2"))
    with pytest.raises(Crash):
        send(session(data), data, len(data))
    (folder / "a").rename(folder / "mine")
    monkeypatch.undo()
    s = session(data)
    s.publish()
    assert content(folder) == {"mine": b"1", "b": b"2"}
    assert s.upload.files == count(done=2)


def crash_now(*args) -> None:
    raise Crash


def test_discard(session, folder, monkeypatch):
    monkeypatch.setattr(PackSession, "_record_group", crash_now)
    with pytest.raises(Crash):
        send(session(DATA), DATA)
    s = session(DATA)
    s.discard()
    assert not (folder / ".jupyter-transfer").exists()


def test_the_journal_stays_small(session, folder):
    data = tar(*((f"f{n}", b"") for n in range(900)))
    s = session(data)
    send(s, data, 100_000)
    journal = folder / ".jupyter-transfer" / f"{s.upload.id}.journal"
    assert s.upload.files == count(done=900)
    assert journal.stat().st_size < 300 * 130  # a line for a group of three


def test_results_have_a_limit(session, folder, monkeypatch):
    monkeypatch.setattr(pack, "MAX_RESULTS", 4)
    data = tar(*((f".f{n}", b"") for n in range(20)))
    s = session(data)
    send(s, data)
    s = session(data)
    s.publish()
    assert len(s.results()) == 4
    assert s.upload.files == count(failed=20)


def test_folders_are_not_kept_open_without_limit(folder, monkeypatch):
    monkeypatch.setattr("jupyter_transfer.paths.MAX_FOLDERS", 3)
    root = Root(str(folder))
    before = len(os.listdir("/proc/self/fd"))
    with Folders(root) as folders:
        for n in range(20):
            folders.make(f"d{n}/e")
        assert len(os.listdir("/proc/self/fd")) <= before + 3
    assert len(os.listdir("/proc/self/fd")) == before
    root.close()


async def test_announcing_leaves_the_loop_to_others(monkeypatch):
    told = []

    async def on_saved(path: str) -> None:
        if path == "3":
            raise RuntimeError
        told.append(path)

    class Log:
        def exception(self, *args) -> None:
            told.append("failed")

    one = announcer.Announcer(on_saved, Log())
    one.loop = asyncio.get_running_loop()
    one.add([str(n) for n in range(5)])
    one.add(["5"])
    await one.close()
    assert told == ["0", "1", "2", "failed", "4", "5"]
