"""Sending files, against real servers of WebDAV: rclone's, and nginx's that only knows PUT."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jupyter_transfer.engine import filling, sendrun, transport
from jupyter_transfer.engine.job import JobRequest, discard
from jupyter_transfer.engine.limits import Bandwidth
from jupyter_transfer.secrets import Credential

from ..servers.chaos import ChaosServer, Connection, noise
from ..servers.nginx import Nginx
from ..servers.toxics import Toxics, running_toxics
from ..servers.webdav import WebDav, running_webdav
from .conftest import Harness

MIB = 1 << 20


@pytest.fixture
def dav(tmp_path: Path) -> Iterator[WebDav]:
    with running_webdav(tmp_path / "dav" / "files") as server:
        yield server


@pytest.fixture
def space(nginx: Nginx) -> tuple[Path, str]:
    """An empty folder of nginx, and its address."""
    name = f"s{time.monotonic_ns()}"
    (nginx.files / name).mkdir()
    return nginx.files / name, f"{nginx.url}/dav/{name}"


@pytest.fixture
def one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request has a connection of its own."""
    lines = transport._header_lines
    monkeypatch.setattr(transport, "_header_lines", lambda x: [*lines(x), "Connection: close"])


def journals(harness: Harness) -> list[str]:
    return os.listdir(harness.folder.parent / "state" / "jobs")


def rows(harness: Harness) -> dict[str, str]:
    return {file["path"]: file["state"] for file in harness.report.files}


def codes(harness: Harness) -> dict[str, str]:
    return {f["path"]: f["error"]["code"] for f in harness.report.files if f["error"]}


def old(path: Path, data: bytes) -> Path:
    """A file that nobody has touched for a while."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


# ---- one file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 5 * MIB + 3])
def test_a_file_lands_whole_and_verified(harness: Harness, dav: WebDav, size: int):
    data = noise(size)
    old(harness.folder / "a.bin", data)
    outcome = harness.run("a.bin", f"{dav.url}/new/b.bin", kind="send")
    assert (outcome.state, outcome.verified) == ("done", True), outcome.error
    assert (dav.files / "new" / "b.bin").read_bytes() == data
    assert dav.names() == ["new/b.bin"]
    (row,) = harness.report.files
    assert row["state"] == "done"
    assert (row["size"], row["mtime_ns"]) == (size, 1_700_000_000 * 10**9)
    assert row["digest"] == f"md5:{hashlib.md5(data).hexdigest()}"
    assert row["address"] == f"{dav.url}/new/b.bin"
    assert row["validators"]["etag"]
    assert harness.report.counts[-1]["bytes_done"] == size
    assert harness.report.counts[-1]["bytes_total"] == size
    assert journals(harness) == []


def test_a_file_lands_whole_where_only_put_is_known(harness: Harness, space: tuple[Path, str]):
    folder, url = space
    data = noise(3 * MIB)
    old(harness.folder / "a.bin", data)
    outcome = harness.run("a.bin", f"{url}/b.bin", kind="send")
    assert (outcome.state, outcome.verified) == ("done", None), outcome.error
    assert outcome.unverified == "no_digest"
    assert (folder / "b.bin").read_bytes() == data


@pytest.mark.parametrize("destination", ["/box", "/box/"])
def test_a_file_goes_into_a_folder(harness: Harness, dav: WebDav, destination: str):
    (dav.files / "box").mkdir()
    old(harness.folder / "a.txt", b"a")
    assert harness.run("a.txt", dav.url + destination, kind="send").state == "done"
    assert dav.names() == ["box/a.txt"]


def test_a_password_opens_and_nothing_shows_it(harness: Harness, tmp_path: Path):
    old(harness.folder / "a.txt", b"a")
    with running_webdav(tmp_path / "p" / "files", user="me", password="canary") as server:
        assert harness.run("a.txt", f"{server.url}/a", kind="send").state == "waiting"
        harness.credential = Credential("me", "canary")
        assert harness.run("a.txt", f"{server.url}/a", kind="send", id="two").state == "done"
    state = harness.folder.parent / "state"
    assert not any("canary" in file.read_text() for file in state.rglob("*") if file.is_file())
    assert "canary" not in str(harness.report.files)


def test_where_nothing_can_be_sent(harness: Harness, chaos: ChaosServer):
    old(harness.folder / "a.txt", b"a")
    outcome = harness.run("a.txt", f"{chaos.url}/none", kind="send")
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "remote_not_found"
    outcome = harness.run("none.txt", f"{chaos.url}/none", kind="send", id="two")
    assert outcome.error is not None
    assert outcome.error.code == "not_found"
    outcome = harness.run("../etc/passwd", f"{chaos.url}/none", kind="send", id="three")
    assert outcome.error is not None
    assert outcome.error.code == "invalid_path"


# ---- folders ------------------------------------------------------------------------------------

ODD = ["a b.txt", "数据/表.csv", "100%.txt", "x#y?z.txt", "q'\"[1]&;+=.txt", "e\u0301.txt"]


@pytest.mark.parametrize("kind", ["dav", "put"])
def test_a_folder_with_odd_names(harness: Harness, dav: WebDav, space: tuple[Path, str], kind: str):
    there, url = (dav.files / "t", f"{dav.url}/t") if kind == "dav" else space
    for name in ODD:
        old(harness.folder / "tree" / name, name.encode())
    old(harness.folder / "tree" / ".hidden", b"h")
    (harness.folder / "tree" / "empty").mkdir()
    outcome = harness.run("tree", url, kind="send")
    assert outcome.state == "done", harness.report.files
    sent = {p.relative_to(there).as_posix(): p for p in there.rglob("*") if p.is_file()}
    assert sorted(sent) == sorted(ODD)
    assert all(file.read_bytes() == name.encode() for name, file in sent.items())
    assert harness.report.counts[-1]["files_total"] == len(ODD)
    assert harness.report.counts[-1]["bytes_total"] == sum(len(name.encode()) for name in ODD)


def test_a_twin_that_the_service_takes_for_the_same_is_told(harness: Harness, dav: WebDav):
    for name in ("e\u0301.txt", "é.txt"):  # to rclone's file system one name
        old(harness.folder / "tree" / name, name.encode())
    harness.control.connections = 1  # two at once may pass rclone's own look at the same moment
    assert harness.run("tree", f"{dav.url}/t", kind="send").state == "failed"
    assert list(codes(harness).values()) == ["exists"]
    assert len(dav.names()) == 1


def test_twins_sent_at_once_are_told_or_both_kept(harness: Harness, dav: WebDav):
    twins = {f"t/{name}": name.encode() for name in ("e\u0301.txt", "é.txt")}
    for content in twins.values():
        old(harness.folder / "tree" / content.decode(), content)
    harness.run("tree", f"{dav.url}/t", kind="send")
    there = dav.names()
    assert all((dav.files / name).read_bytes() == twins[name] for name in there)
    assert len(there) + list(codes(harness).values()).count("exists") == len(twins)


def test_a_folder_that_somebody_is_making_just_now(harness: Harness, dav: WebDav):
    locked = ["/t/", "/t/", "/t/sub/"]  # each name once a request

    class Busy(BaseHTTPRequestHandler):
        """Passes requests on, but answers 423 to those that make a folder in `locked`."""

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.command == "MKCOL" and self.path in locked:
                locked.remove(self.path)
                self.send_response(423)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            there = HTTPConnection("127.0.0.1", dav.port)
            there.request(self.command, self.path, body, dict(self.headers))
            answer = there.getresponse()
            data = answer.read()
            there.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name not in ("Content-Length", "Transfer-Encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_MKCOL = do_PUT = do_MOVE = do_PROPFIND = pass_on  # noqa: N815
        do_OPTIONS = do_GET = do_DELETE = pass_on  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    old(harness.folder / "tree" / "sub" / "a.bin", b"a")
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            outcome = harness.run("tree", f"http://127.0.0.1:{port}/t", kind="send")
        finally:
            server.shutdown()
            thread.join()
    assert outcome.state == "done", [file["error"] for file in harness.report.files]
    assert (dav.names(), locked) == (["t/sub/a.bin"], [])


def test_links_are_not_followed_out(harness: Harness, dav: WebDav, tmp_path: Path):
    (tmp_path / "secret").write_text("secret")
    tree = harness.folder / "tree"
    old(tree / "a", b"a")
    (tree / "inner").symlink_to("a")
    (tree / "outer").symlink_to(tmp_path / "secret")
    (tree / "circle").symlink_to(".")
    os.mkfifo(tree / "pipe")
    assert harness.run("tree", f"{dav.url}/t", kind="send").state == "done"
    assert dav.names() == ["t/a", "t/inner"]
    left_out = {path for path, state in rows(harness).items() if state == "skipped"}
    assert left_out == {"tree/outer", "tree/circle", "tree/pipe"}


# ---- conflicts, and doing it again --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dav", "put"])
def test_again_moves_nothing_and_sends_only_what_changed(
    harness: Harness, dav: WebDav, space: tuple[Path, str], kind: str
):
    there, url = (dav.files / "t", f"{dav.url}/t") if kind == "dav" else space
    for name in ("a", "b", "c"):
        old(harness.folder / "tree" / name, name.encode() * 1000)
    assert harness.run("tree", url, kind="send").state == "done"
    delivered = harness.delivered("tree")
    for row in delivered:  # as it is when the files are a minute old
        row["validators"]["settled"] = True
    harness.report.files.clear()
    (harness.folder / "tree" / "b").write_bytes(b"new")
    outcome = harness.run("tree", url, kind="send", id="again", delivered=delivered)
    assert outcome.state == "done", harness.report.files
    assert rows(harness) == {"tree/a": "present", "tree/b": "done", "tree/c": "present"}
    assert (there / "b").read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["dav", "put"])
@pytest.mark.parametrize(
    ("conflict", "state", "code", "content"),
    [
        (None, "failed", "exists", b"theirs"),
        ("fail", "failed", "exists", b"theirs"),
        ("skip", "done", None, b"theirs"),
        ("overwrite", "done", None, b"ours"),
        ("rename", "done", None, b"theirs"),
    ],
)
def test_what_we_did_not_send_is_kept_unless_asked(
    harness: Harness,
    dav: WebDav,
    space: tuple[Path, str],
    kind: str,
    conflict: str | None,
    state: str,
    code: str | None,
    content: bytes,
):
    there, url = (dav.files, dav.url) if kind == "dav" else space
    (there / "a.txt").write_bytes(b"theirs")
    old(harness.folder / "a.txt", b"ours")
    outcome = harness.run("a.txt", f"{url}/a.txt", kind="send", conflict=conflict)
    assert outcome.state == state
    assert (outcome.error.code if outcome.error else None) == code
    assert (there / "a.txt").read_bytes() == content
    names = {path.name for path in there.iterdir()}
    assert names == ({"a.txt", "a (1).txt"} if conflict == "rename" else {"a.txt"})
    if conflict == "rename":
        assert (there / "a (1).txt").read_bytes() == b"ours"


def test_what_somebody_changed_since_is_not_replaced(harness: Harness, dav: WebDav):
    old(harness.folder / "a.txt", b"ours")
    assert harness.run("a.txt", f"{dav.url}/a.txt", kind="send").state == "done"
    (dav.files / "a.txt").write_bytes(b"theirs")
    (harness.folder / "a.txt").write_bytes(b"ours, newer")
    delivered = harness.delivered("a.txt")
    outcome = harness.run("a.txt", f"{dav.url}/a.txt", kind="send", id="b", delivered=delivered)
    assert outcome.error is not None
    assert outcome.error.code == "exists"
    assert (dav.files / "a.txt").read_bytes() == b"theirs"


def test_a_name_that_is_taken_meanwhile_is_not_replaced(harness: Harness, dav: WebDav):
    old(harness.folder / "a.bin", noise(2 * MIB))

    def take(counts: dict[str, int]) -> None:
        if counts["bytes_done"]:
            (dav.files / "a.bin").write_bytes(b"theirs")

    harness.control.bandwidth.rate = 4 * MIB
    harness.report.on_progress = take
    outcome = harness.run("a.bin", f"{dav.url}/a.bin", kind="send")
    assert outcome.error is not None
    assert outcome.error.code == "exists"
    assert dav.names() == ["a.bin"]  # nothing of ours is left
    assert (dav.files / "a.bin").read_bytes() == b"theirs"


# ---- the file changes ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["rewritten", "replaced", "appended"])
def test_a_file_that_changes_is_sent_anew_and_never_mixed(harness: Harness, dav: WebDav, how: str):
    file = old(harness.folder / "a.bin", b"1" * 4 * MIB)
    new = b"2" * 4 * MIB + (b"2" if how == "appended" else b"")
    changed = []

    def change(counts: dict[str, int]) -> None:
        if counts["bytes_done"] > MIB and not changed:
            changed.append(True)
            if how == "replaced":
                (harness.folder / "b").write_bytes(new)
                os.replace(harness.folder / "b", file)
            else:
                file.write_bytes(new)

    harness.control.bandwidth.rate = 8 * MIB
    harness.report.on_progress = change
    outcome = harness.run("a.bin", f"{dav.url}/a.bin", kind="send")
    assert changed
    assert outcome.state == "done", outcome.error
    assert (dav.files / "a.bin").read_bytes() == new
    assert dav.names() == ["a.bin"]
    assert "changed" in [code for code, _ in harness.report.notes]


def test_a_file_that_never_rests_is_given_up(harness: Harness, dav: WebDav):
    file, stop = old(harness.folder / "a.bin", noise(2 * MIB)), threading.Event()

    def write() -> None:
        while not stop.is_set():
            with file.open("r+b") as writer:
                writer.write(os.urandom(10))
            time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        harness.control.bandwidth.rate = 8 * MIB
        outcome = harness.run("a.bin", f"{dav.url}/a.bin", kind="send")
    finally:
        stop.set()
        writer.join()
    assert outcome.error is not None
    assert outcome.error.code == "changed"
    assert "a.bin" not in dav.names()


# ---- pause, cancel, bandwidth -------------------------------------------------------------------


def test_cancel_is_quick_and_leaves_nothing(harness: Harness, dav: WebDav):
    old(harness.folder / "a.bin", noise(8 * MIB))
    harness.control.bandwidth.rate = 2 * MIB
    asked = []

    def cancel(counts: dict[str, int]) -> None:
        if counts["bytes_done"] > MIB and not asked:
            asked.append(counts["bytes_done"])
            harness.control.cancel()

    harness.report.on_progress = cancel
    assert harness.run("a.bin", f"{dav.url}/x/a.bin", kind="send").state == "cancelled"
    assert harness.report.counts[-1]["bytes_done"] - asked[0] <= 2 * MIB  # a second's worth
    assert dav.names() == []
    assert journals(harness) == []


def test_pause_and_go_on(harness: Harness, dav: WebDav):
    data = noise(4 * MIB)
    old(harness.folder / "a.bin", data)
    harness.control.bandwidth.rate = 2 * MIB

    def pause(counts: dict[str, int]) -> None:
        if counts["bytes_done"] > MIB:
            harness.control.pause()

    harness.report.on_progress = pause
    assert harness.run("a.bin", f"{dav.url}/a.bin", kind="send").state == "paused"
    assert "a.bin" not in dav.names()
    assert journals(harness) == ["job.journal"]
    harness.fresh_control()
    assert harness.run("a.bin", f"{dav.url}/a.bin", kind="send").state == "done"
    assert (dav.files / "a.bin").read_bytes() == data
    assert dav.names() == ["a.bin"]
    assert journals(harness) == []


def test_discard_leaves_nothing(harness: Harness, dav: WebDav):
    old(harness.folder / "a.bin", noise(4 * MIB))
    harness.control.bandwidth.rate = 2 * MIB
    harness.report.on_progress = lambda counts: counts["bytes_done"] and harness.control.pause()
    url = f"{dav.url}/a.bin"
    assert harness.run("a.bin", url, kind="send").state == "paused"
    discard(harness.root, JobRequest("job", "a.bin", url, {}, (), "send"), harness.context({}))
    assert dav.names() == []
    assert journals(harness) == []


def test_bandwidth_holds(harness: Harness, dav: WebDav):
    old(harness.folder / "a.bin", noise(4 * MIB))
    harness.control.bandwidth = Bandwidth(2 * MIB)
    started = time.monotonic()
    assert harness.run("a.bin", f"{dav.url}/a.bin", kind="send").state == "done"
    assert time.monotonic() - started == pytest.approx(2, rel=0.15)


# ---- faults -------------------------------------------------------------------------------------


def test_a_bad_line(harness: Harness, dav: WebDav):
    """Resets in the middle of the bytes and lost answers, then a good line."""
    data = noise(3 * MIB)
    old(harness.folder / "a.bin", data)
    bad = [
        Toxics(lose_answer=True),
        Toxics(reset_at=MIB),
        Toxics(reset_at=100),
        Toxics(),
    ]
    with running_toxics(dav.port, lambda n: bad[min(n, len(bad) - 1)]) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/a.bin"
        outcome = harness.run("a.bin", url, kind="send")
        assert outcome.state == "done", outcome.error
        assert proxy.counts.lost_answers + proxy.counts.resets >= 2
    assert (dav.files / "a.bin").read_bytes() == data
    assert dav.names() == ["a.bin"]


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("kind", ["dav", "put"])
def test_any_answer_may_get_lost(
    harness: Harness,
    dav: WebDav,
    nginx: Nginx,
    space: tuple[Path, str],
    kind: str,
    number: int,
    one_request: None,
):
    """Every connection carries one request; the answer of one of them is lost."""
    there, path, port = dav.files, "", dav.port
    if kind == "put":
        there, path = space[0], "/dav/" + space[0].name
        port = int(nginx.url.rpartition(":")[2])
    data = noise(MIB)
    old(harness.folder / "a.bin", data)
    lost = [Toxics()] * number + [Toxics(lose_answer=True), Toxics()]
    with running_toxics(port, lambda n: lost[min(n, len(lost) - 1)]) as proxy:
        url = f"http://127.0.0.1:{proxy.port}{path}/a.bin"
        outcome = harness.run("a.bin", url, kind="send")
        hit = proxy.counts.lost_answers
    assert hit or number > 3
    assert outcome.state == "done", outcome.error
    assert [path.name for path in there.iterdir()] == ["a.bin"]
    assert (there / "a.bin").read_bytes() == data


@pytest.mark.parametrize("always", [False, True])
def test_a_bit_that_flips_on_the_way_is_found(
    harness: Harness, dav: WebDav, always: bool, one_request: None
):
    data = noise(MIB)
    old(harness.folder / "a.bin", data)
    with running_toxics(dav.port, lambda _: Toxics(flip_at=500_000)) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/a.bin"
        if not always:
            proxy.plan = lambda _: Toxics(flip_at=None if proxy.counts.flips else 500_000)
        outcome = harness.run("a.bin", url, kind="send")
        assert proxy.counts.flips == (2 if always else 1)
    if always:
        assert outcome.error is not None
        assert outcome.error.code == "digest_mismatch"
    else:
        assert (outcome.state, outcome.verified) == ("done", True)
        assert (dav.files / "a.bin").read_bytes() == data


def test_a_server_that_is_busy_is_waited_for(harness: Harness, chaos: ChaosServer):
    data, stored, busy = noise(MIB), {}, [503, 429, 500]

    def shelf(connection: Connection) -> None:
        method = connection.request.method
        if method == "PUT":
            body = connection.take()
            if busy:
                connection.head(busy.pop(), {"Content-Length": "0", "Retry-After": "0"})
                return
            stored["a"] = body
            connection.head(201, {"Content-Length": "0"})
        elif method == "HEAD" and "a" in stored:
            connection.head(200, {"Content-Length": str(len(stored["a"])), "ETag": '"x"'})
        else:
            connection.head(404 if method == "HEAD" else 405, {"Content-Length": "0"})

    url = chaos.add("/a", shelf)
    old(harness.folder / "a.bin", data)
    outcome = harness.run("a.bin", url, kind="send")
    assert outcome.state == "done", outcome.error
    assert stored["a"] == data
    puts = [request for request in chaos.requests if request.method == "PUT"]
    assert len(puts) == 4
    assert all(request.headers["if-none-match"] == "*" for request in puts)


def test_pieces_are_cut_at_multiples():
    assert list(filling.cut((5, 25), 10)) == [(5, 10), (10, 20), (20, 25)]
    assert list(filling.cut((0, 7), 10)) == [(0, 7)]


def test_a_journal_in_use_is_not_taken(harness: Harness, dav: WebDav, monkeypatch):
    monkeypatch.setattr(sendrun, "LOCK_PATIENCE", 0.2)
    old(harness.folder / "a.bin", noise(100))
    from jupyter_transfer.engine.sendjournal import SendJournal

    url = f"{dav.url}/a.bin"
    other = SendJournal(str(harness.folder.parent / "state"), "job", "a.bin", url)
    outcome = harness.run("a.bin", url, kind="send")
    assert outcome.error is not None
    assert outcome.error.code == "conflict"
    other.close()
    assert harness.run("a.bin", url, kind="send").state == "done"
