"""Small files to S3: many at a time in one thread, whatever the service answers to one of them."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from jupyter_transfer.engine import sendpool, sendrun
from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.lanes import LANES
from jupyter_transfer.engine.local import LocalFile
from jupyter_transfer.errors import TransferError

from ..backends.test_s3 import S3Site, no_aws  # noqa: F401 - a fixture
from ..servers.chaos import ChaosServer, Connection, noise, status
from ..servers.s3 import KEY, SECRET, running_rclone
from ..servers.toxics import Toxics, running_toxics
from ..servers.worker import WorkerProcess, run_message
from .conftest import Harness
from .test_send_many import Everything, plant

MIB = 1 << 20

Fault = Callable[[Connection, bytes], bool]
"""Says by True that it has answered."""


class Bucket:
    """A service of S3 with one bucket, that shows what it was asked for; `faults` by key."""

    def __init__(self, chaos: ChaosServer, pause: float = 0.0) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.faults: dict[str, Fault] = {}
        self.puts: Counter[str] = Counter()
        self.heads: Counter[str] = Counter()
        self.order: list[str] = []
        self.most = self._now = 0
        self._pause = pause
        self._lock = threading.Lock()
        self.options = {
            "endpoint": chaos.url,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "region": "us-east-1",
        }
        chaos.resources = Everything(self)  # type: ignore[assignment, arg-type]

    def __call__(self, connection: Connection) -> None:
        target = urlsplit(connection.request.path)
        key = unquote(target.path).removeprefix("/bucket").lstrip("/")
        if connection.request.method == "PUT":
            self._put(connection, key)
        elif connection.request.method == "HEAD":
            self.heads[key] += 1
            self._head(connection, key)
        else:
            query = {name: values[0] for name, values in parse_qs(target.query).items()}
            self._list(connection, query.get("prefix", ""), query.get("start-after", ""))

    def _put(self, connection: Connection, key: str) -> None:
        with self._lock:
            self.puts[key] += 1
            self._now += 1
            self.most = max(self.most, self._now)
        data = connection.take()
        time.sleep(self._pause)
        with self._lock:
            self._now -= 1
            self.order.append(key)
        fault = self.faults.get(key)
        if fault is not None and fault(connection, data):
            return
        if connection.request.headers.get("if-none-match") == "*" and key in self.objects:
            connection.head(412, {"Content-Length": "0"})
            return
        self.keep(key, data, connection.request.headers)
        connection.head(200, {"Content-Length": "0", "ETag": self.etag(key)})

    def keep(self, key: str, data: bytes, headers: dict[str, str]) -> None:
        kept = {n: v for n, v in headers.items() if n.startswith("x-amz-meta-")}
        self.objects[key] = data, kept

    def etag(self, key: str) -> str:
        return f'"{hashlib.md5(self.objects[key][0]).hexdigest()}"'

    def _head(self, connection: Connection, key: str) -> None:
        if key not in self.objects:
            connection.head(404, {"Content-Length": "0"})
            return
        data, kept = self.objects[key]
        connection.head(200, {**kept, "Content-Length": str(len(data)), "ETag": self.etag(key)})

    def _list(self, connection: Connection, prefix: str, after: str) -> None:
        keys = sorted(k for k in self.objects if k.startswith(prefix) and k > after)
        found = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
        body = f"<ListBucketResult>{found}</ListBucketResult>".encode()
        connection.head(200, {"Content-Length": str(len(body))})
        connection.body(body)

    @property
    def files(self) -> dict[str, bytes]:
        return {key.removeprefix("t/"): data for key, (data, _) in self.objects.items()}


@pytest.fixture
def bucket(chaos: ChaosServer) -> Bucket:
    return Bucket(chaos)


@pytest.fixture
def lanes_opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each lane that is opened."""
    opened: list[int] = []
    open_lane = sendrun.SendRun._open_lane

    def counting(run: sendrun.SendRun, *arguments: object):
        opened.append(1)
        return open_lane(run, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sendrun.SendRun, "_open_lane", counting)
    return opened


def once(act: Callable[[Connection], None]) -> Fault:
    """A fault that happens the first time."""
    left = [act]

    def fault(connection: Connection, _data: bytes) -> bool:
        if not left:
            return False
        left.pop()(connection)
        return True

    return fault


def always(act: Callable[[Connection], None]) -> Fault:
    def fault(connection: Connection, _data: bytes) -> bool:
        act(connection)
        return True

    return fault


def send(harness: Harness, bucket: Bucket, **options: object):
    return harness.run("tree", "s3://bucket/t", kind="send", **bucket.options, **options)


def test_all_arrive_each_with_one_request(harness: Harness, bucket: Bucket, lanes_opened):
    files = plant(harness.folder / "tree", 150)
    files["d0/empty"] = b""
    (harness.folder / "tree" / "d0" / "empty").touch()
    outcome = send(harness, bucket)
    assert (outcome.state, outcome.verified) == ("done", True), outcome.error
    assert bucket.files == files
    assert set(bucket.puts.values()) == {1}
    assert sum(bucket.heads.values()) <= 2
    assert not lanes_opened
    rows = {file["path"].removeprefix("tree/"): file for file in harness.report.files}
    assert rows.keys() == files.keys()
    assert len(harness.report.files) == len(files)
    for name, row in rows.items():
        assert row["digest"] == f"md5:{hashlib.md5(files[name]).hexdigest()}"
        assert row["address"] == f"s3://bucket/t/{name}"
    last, total = harness.report.counts[-1], sum(map(len, files.values()))
    assert (last["bytes_done"], last["bytes_moved"]) == (total, total)
    assert os.listdir(harness.folder.parent / "state" / "jobs") == []


def test_again_nothing_is_sent(harness: Harness, bucket: Bucket):
    plant(harness.folder / "tree", 40)
    assert send(harness, bucket).state == "done"
    known = harness.delivered("tree")
    harness.report.files.clear()
    outcome = harness.run("tree", "s3://bucket/t", kind="send", delivered=known, **bucket.options)
    assert outcome.state == "done"
    assert {file["state"] for file in harness.report.files} == {"present"}
    assert set(bucket.puts.values()) == {1}


def test_several_are_under_way_at_a_time(harness: Harness, chaos: ChaosServer):
    bucket = Bucket(chaos, pause=0.02)
    plant(harness.folder / "tree", 60)
    assert send(harness, bucket).state == "done"
    assert LANES < bucket.most <= sendpool.CONNECTIONS


def test_pool_and_lanes_share_the_connections(harness: Harness, chaos: ChaosServer):
    bucket = Bucket(chaos, pause=0.02)
    files = plant(harness.folder / "tree", 24)
    for name in list(files)[::6]:
        bucket.faults[f"t/{name}"] = once(status(503))
    for number in range(3):
        name = f"d{number}/middle.bin"
        files[name] = noise(MIB + 1, seed=number)
        (harness.folder / "tree" / name).write_bytes(files[name])
    harness.control.connections = 3
    assert send(harness, bucket).state == "done"
    assert bucket.files == files
    assert bucket.most <= 3


@pytest.mark.parametrize(
    ("code", "told"), [(403, "remote_forbidden"), (413, "remote_refused"), (412, "exists")]
)
def test_one_that_is_refused_does_not_stop_the_others(
    harness: Harness, bucket: Bucket, code: int, told: str
):
    files = plant(harness.folder / "tree", 50)
    bucket.faults["t/d2/f007.bin"] = always(status(code))
    assert send(harness, bucket).state == "failed"
    failed = {f["path"]: f["error"]["code"] for f in harness.report.files if f["error"]}
    assert failed == {"tree/d2/f007.bin": told}
    assert bucket.files == {n: data for n, data in files.items() if n != "d2/f007.bin"}
    assert harness.report.counts[-1]["files_failed"] == 1


def test_who_is_busy_is_asked_again(harness: Harness, bucket: Bucket):
    files = plant(harness.folder / "tree", 50)
    for name in list(files)[:5]:
        bucket.faults[f"t/{name}"] = once(status(503))
    outcome = send(harness, bucket)
    assert (outcome.state, outcome.verified) == ("done", True)
    assert bucket.files == files
    assert sum(bucket.puts.values()) == len(files) + 5


def test_an_answer_that_is_lost_is_not_a_file_that_is_lost(harness: Harness, bucket: Bucket):
    files = plant(harness.folder / "tree", 30)

    def lose(connection: Connection, data: bytes) -> bool:
        del bucket.faults["t/d1/f001.bin"]
        bucket.keep("t/d1/f001.bin", data, connection.request.headers)
        connection.reset()
        return True

    bucket.faults["t/d1/f001.bin"] = lose
    outcome = send(harness, bucket)
    assert (outcome.state, outcome.verified) == ("done", True), outcome.error
    assert bucket.files == files
    # libcurl itself sends once more what a connection that was used before did not take.
    assert bucket.puts.pop("t/d1/f001.bin") <= 2
    assert set(bucket.puts.values()) == {1}


def test_what_arrives_damaged_is_sent_again(harness: Harness, bucket: Bucket):
    files = plant(harness.folder / "tree", 30)
    name = "d1/f001.bin"

    def damage(connection: Connection, data: bytes) -> bool:
        del bucket.faults[f"t/{name}"]
        bucket.keep(f"t/{name}", bytes([data[0] ^ 1]) + data[1:], connection.request.headers)
        etag = bucket.etag(f"t/{name}")
        del bucket.objects[f"t/{name}"]
        connection.head(200, {"Content-Length": "0", "ETag": etag})
        return True

    bucket.faults[f"t/{name}"] = damage
    outcome = send(harness, bucket)
    assert (outcome.state, outcome.verified) == ("done", True)
    assert bucket.files == files
    assert bucket.puts[f"t/{name}"] == 2


def test_what_is_there_already_is_left_alone(harness: Harness, bucket: Bucket):
    files = plant(harness.folder / "tree", 30)
    bucket.objects["t/d3/f003.bin"] = b"somebody's", {}
    bucket.objects["t/d1/f001.bin/x"] = b"a folder", {}
    outcome = send(harness, bucket)
    assert outcome.state == "failed"
    failed = {f["path"]: f["error"]["code"] for f in harness.report.files if f["error"]}
    assert failed == {"tree/d3/f003.bin": "exists", "tree/d1/f001.bin": "is_a_directory"}
    assert bucket.files["d3/f003.bin"] == b"somebody's"
    assert len(bucket.objects) == len(files)  # two of them are not ours


def test_who_must_be_known_ends_the_job(harness: Harness, bucket: Bucket):
    for name in plant(harness.folder / "tree", 80):
        bucket.faults[f"t/{name}"] = always(status(401))
    outcome = send(harness, bucket)
    assert outcome.error is not None
    assert outcome.error.code == "needs_credentials"
    assert len(harness.report.files) < 40
    assert not [t for t in threading.enumerate() if t.name == "lane"]


def test_small_files_go_on_beside_a_large_one(harness: Harness, bucket: Bucket, chaos: ChaosServer):
    """The answer to the large one waits until the small ones are there."""
    files = plant(harness.folder / "tree", 12)
    (harness.folder / "tree" / "d0" / "g.bin").write_bytes(noise(9 * MIB))
    reply = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
    answer, waited = bucket.__call__, []

    def act(connection: Connection) -> None:
        if not connection.request.path.startswith("/bucket/t/d0/g.bin"):
            answer(connection)
        elif connection.request.method == "POST":
            connection.head(200, {"Content-Length": str(len(reply))})
            connection.body(reply)
        elif connection.request.method == "PUT":
            connection.take()
            until = time.monotonic() + 5
            while len(bucket.objects) < 3 and time.monotonic() < until:
                time.sleep(0.01)
            waited.append(len(bucket.objects))
            connection.head(403, {"Content-Length": "0"})
        else:
            connection.head(404, {"Content-Length": "0"})

    chaos.resources = Everything(act)  # type: ignore[assignment, arg-type]
    send(harness, bucket)
    assert min(waited) >= 3
    assert bucket.files == files


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_stopped_in_the_middle(harness: Harness, bucket: Bucket, how: str):
    files = plant(harness.folder / "tree", 60, size=100_000)
    asked: list[float] = []

    def stop(counts: dict[str, int]) -> None:
        if counts["files_done"] > 10 and not asked:
            asked.append(time.monotonic())
            getattr(harness.control, how)()

    harness.control.bandwidth.rate = 8 * MIB
    harness.report.on_progress = stop
    outcome = send(harness, bucket)
    assert outcome.state == ("paused" if how == "pause" else "cancelled")
    assert time.monotonic() - asked[0] < 1 + 2 * sum(sendrun.PASSES)
    assert bucket.files.items() <= files.items()
    if how == "cancel":
        return
    before = set(bucket.objects)
    harness.fresh_control()
    assert send(harness, bucket).state == "done"
    assert bucket.files == files
    assert all(bucket.puts[key] == 1 for key in before)


def test_bandwidth_is_that_of_all(harness: Harness, bucket: Bucket):
    plant(harness.folder / "tree", 20, size=100_000)
    harness.control = Control(2 * MIB)
    started = time.monotonic()
    assert send(harness, bucket).state == "done"
    assert time.monotonic() - started >= 2_000_000 / (2 * MIB) * 0.85


def test_files_that_change_after_they_were_found(
    harness: Harness, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    files = plant(harness.folder / "tree", 15)
    folder, opened = harness.folder / "tree" / "d4", LocalFile.opened

    def change(root, path):
        if path == "tree/d4/f004.bin" and (folder / "f004.bin").exists():
            (folder / "f004.bin").unlink()
            (folder / "f009.bin").write_bytes(noise(MIB + 1))
            (folder / "f014.bin").write_bytes(b"other")
        return opened(root, path)

    monkeypatch.setattr(LocalFile, "opened", change)
    assert send(harness, bucket).state == "failed"
    failed = {f["path"]: f["error"]["code"] for f in harness.report.files if f["error"]}
    assert failed == {"tree/d4/f004.bin": "not_found"}
    del files["d4/f004.bin"]
    assert bucket.files == {**files, "d4/f009.bin": noise(MIB + 1), "d4/f014.bin": b"other"}


def test_a_file_that_changes_while_it_is_read_is_told(harness: Harness):
    path = harness.folder / "f.bin"
    path.write_bytes(b"one")
    with LocalFile.opened(harness.root, "f.bin") as file:
        assert file.read() == b"one"
        path.write_bytes(b"two and more")
        with pytest.raises(TransferError) as caught:
            file.read()
        assert caught.value.code == "changed"
        os.utime(path, ns=(1, 1))
        path.write_bytes(b"eno")
        with pytest.raises(TransferError):
            file.read()


def test_a_bug_is_no_hang(harness: Harness, bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    plant(harness.folder / "tree", 20)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sendpool.SendPool, "_settled", broken)
    outcome = send(harness, bucket)
    assert outcome.error is not None
    assert outcome.error.code == "internal"


# ---- a real service, killed and on a bad line ---------------------------------------------------


@pytest.fixture(scope="module")
def rclone(tmp_path_factory: pytest.TempPathFactory):
    with running_rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture
def site(rclone) -> S3Site:
    return S3Site(rclone)


def port_of(site: S3Site) -> int:
    port = urlsplit(site.server.url).port
    assert port is not None
    return port


def test_a_bad_line(harness: Harness, site: S3Site):
    files, draw = plant(harness.folder / "tree", 80, size=20_000), random.Random(5)
    plans = [
        Toxics(reset_at=draw.randrange(60_000)) if n % 2 else Toxics(lose_answer=2 < n < 8)
        for n in range(24)
    ]
    with running_toxics(port_of(site), lambda n: plans[n] if n < len(plans) else Toxics()) as proxy:
        options = {**site.options, "endpoint": f"http://127.0.0.1:{proxy.port}"}
        for _ in range(4):  # as the queue does
            outcome = harness.run("tree", f"s3://{site.bucket}/t", kind="send", **options)
            if outcome.state == "done":
                break
        assert outcome.state == "done", outcome.error
        codes = {file["error"]["code"] for file in harness.report.files if file["error"]}
        assert codes <= {"connection_lost"}
        assert proxy.counts.resets + proxy.counts.lost_answers > 4
    assert {name: site.read(f"t/{name}") for name in files} == files


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.soak)])
def test_kills(tmp_path: Path, site: S3Site, kills: int):
    """After each kill what stands there is whole; at the end all is there, sent about once."""
    root, draw = tmp_path / "root", random.Random(3)
    root.mkdir()
    (tmp_path / "state").mkdir()
    files = plant(root / "tree", 150, size=40_000)
    with running_toxics(port_of(site), lambda _: Toxics()) as proxy:
        options = {**site.options, "endpoint": f"http://127.0.0.1:{proxy.port}"}
        message = run_message(
            root,
            "tree",
            f"s3://{site.bucket}/t",
            kind="send",
            state_dir=str(tmp_path / "state"),
            options=options,
        )
        total = sum(map(len, files.values()))
        for _ in range(kills):
            worker = WorkerProcess(tmp_path)
            worker.wait_for("ready")
            until = proxy.counts.passed + draw.randrange(total // kills)
            worker.send(**message)
            while proxy.counts.passed < until and worker.events.qsize() < 10_000:
                time.sleep(0.001)
            worker.kill()
            for key in site.names():
                assert site.read(key) == files[key.removeprefix("t/")]
        worker = WorkerProcess(tmp_path)
        worker.wait_for("ready")
        worker.send(**message)
        end = worker.wait_for("end")
        worker.kill()
        assert end["state"] == "done", (end, [m for m in worker.of("file") if m["file"]["error"]])
        again = proxy.counts.passed - total
    assert {name: site.read(f"t/{name}") for name in files} == files
    # At most what was under way, and the requests around each file.
    assert again < kills * sendpool.CONNECTIONS * 45_000 + len(files) * 4096
