"""Copies between two services, real ones: no byte of them lands on the disk."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from jupyter_transfer.backends import filetree, s3copy, s3sink
from jupyter_transfer.engine import inflow, lanes, run, sendrun, unsized
from jupyter_transfer.engine.job import JobRequest, discard, left
from jupyter_transfer.secrets import Credential

from ..servers.chaos import (
    ChaosServer,
    Connection,
    Resource,
    chunked,
    cut,
    gzipped,
    noise,
    status,
    times,
)
from ..servers.ftp import PASSWORD, USER, FtpServer, running_ftp
from ..servers.nginx import Nginx
from ..servers.s3 import KEY, SECRET, S3Server, running_juicefs, running_moto
from ..servers.sshd import PASSPHRASE, Sshd, running_sshd
from ..servers.toxics import Toxics, running_toxics
from ..servers.webdav import WebDav, running_webdav
from .conftest import Harness

MIB = 1 << 20
OLD = 1_700_000_000


@pytest.fixture(scope="module")
def moto(tmp_path_factory) -> Iterator[S3Server]:
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="module")
def juicefs(tmp_path_factory) -> Iterator[S3Server]:
    with running_juicefs(tmp_path_factory.mktemp("juicefs")) as server:
        yield server


@pytest.fixture(scope="module")
def sshd(tmp_path_factory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def ftp(tmp_path_factory) -> Iterator[FtpServer]:
    with running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        yield server


@pytest.fixture
def dav(tmp_path: Path) -> Iterator[WebDav]:
    with running_webdav(tmp_path / "dav" / "files") as server:
        yield server


class Bucket:
    """A bucket of its own for one test."""

    count = 0

    def __init__(self, server: S3Server) -> None:
        Bucket.count += 1
        self.server = server
        self.name = f"copies-{Bucket.count}"
        self.client = server.client()
        self.client.create_bucket(Bucket=self.name)

    def put(self, key: str, data: bytes, **more: object) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data, **more)

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.name)
        return sorted(one["Key"] for one in found.get("Contents", []))

    def uploads(self) -> list:
        return self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])

    def address(self, key: str = "") -> str:
        return f"s3://{self.name}/{key}"

    def options(self, prefix: str = "", endpoint: str | None = None) -> dict[str, str]:
        values = {
            "endpoint": endpoint or self.server.url,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "region": "us-east-1",
        }
        return {prefix + name: value for name, value in values.items()}


@pytest.fixture
def bucket(moto: S3Server) -> Bucket:
    return Bucket(moto)


@pytest.fixture
def sealed(juicefs: S3Server) -> Bucket:
    """A bucket of a service that enforces If-Match."""
    return Bucket(juicefs)


@pytest.fixture
def keys(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What opens the SFTP server."""
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    (tmp_path / "home" / ".ssh" / "known_hosts").write_text(sshd.known_host())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return {"key_file": str(sshd.key), "passphrase": PASSPHRASE}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces and a small window, so that small files show what large ones do."""
    monkeypatch.setattr(s3sink, "WHOLE", MIB)
    monkeypatch.setattr(s3sink, "PIECE", 5 * MIB)  # the least that S3 takes
    monkeypatch.setattr(inflow, "STEP", MIB // 2)
    monkeypatch.setattr(inflow, "REQUEST", 2 * MIB)
    monkeypatch.setattr(inflow, "WINDOW", 12 * MIB)
    monkeypatch.setattr(inflow, "KEPT", 5 * MIB)
    monkeypatch.setattr(lanes, "SMALL", MIB)


def old(path: Path, data: bytes) -> Path:
    """A file that nobody has touched for a while."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))
    return path


def journals(harness: Harness) -> list[str]:
    return os.listdir(harness.folder.parent / "state" / "jobs")


def nothing_landed(harness: Harness) -> bool:
    return harness.names() == [] and journals(harness) == []


# ---- bytes that pass through memory -------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2 * MIB + 5, 11 * MIB + 3])
def test_from_the_web_to_s3(harness: Harness, nginx: Nginx, bucket: Bucket, size: int):
    data = noise(size)
    old(nginx.files / f"{size}.bin", data)
    source = f"{nginx.url}/{size}.bin"
    outcome = harness.run(source, bucket.address("a/b.bin"), kind="copy", **bucket.options())
    assert outcome.state == "done", outcome.error
    assert bucket.read("a/b.bin") == data
    (row,) = harness.report.files
    assert (row["state"], row["size"]) == ("done", size)
    assert row["address"] == bucket.address("a/b.bin")
    assert (outcome.verified, outcome.unverified) == (None, "no_digest")  # the source states none
    assert harness.report.counts[-1]["bytes_done"] == size
    assert harness.report.counts[-1]["bytes_moved"] == size
    assert nothing_landed(harness)
    again = harness.delivered(source)
    harness.report.files.clear()
    outcome = harness.run(
        source, bucket.address("a/b.bin"), kind="copy", id="2", delivered=again, **bucket.options()
    )
    assert [file["state"] for file in harness.report.files] == ["present"], outcome.error


def test_from_s3_to_sftp(harness: Harness, bucket: Bucket, sshd: Sshd, keys: dict, tmp_path: Path):
    data = noise(9 * MIB)
    bucket.put("in.bin", data)
    target = tmp_path / "there" / "out.bin"
    outcome = harness.run(
        bucket.address("in.bin"), sshd.address(target), kind="copy", **bucket.options(), **keys
    )
    assert outcome.state == "done", outcome.error
    assert target.read_bytes() == data
    assert os.listdir(target.parent) == ["out.bin"]
    (row,) = harness.report.files
    assert row["digest"] == f"md5:{hashlib.md5(data).hexdigest()}"
    assert (row["verified"], row["unverified"]) == (None, "no_digest")  # SFTP states none
    assert nothing_landed(harness)


def test_from_ftp_to_webdav(harness: Harness, ftp: FtpServer, dav: WebDav):
    data = noise(5 * MIB + 1)
    old(ftp.files / "in.bin", data)
    harness.credential = Credential(USER, PASSWORD)
    outcome = harness.run(ftp.address("in.bin"), f"{dav.url}/d/out.bin", kind="copy")
    assert outcome.state == "done", outcome.error
    assert dav.names() == ["d/out.bin"]
    assert (dav.files / "d" / "out.bin").read_bytes() == data
    assert nothing_landed(harness)


def test_from_sftp_to_s3(harness: Harness, sshd: Sshd, keys: dict, sealed: Bucket, tmp_path: Path):
    data = noise(12 * MIB + 7)
    source = old(tmp_path / "in.bin", data)
    outcome = harness.run(
        sshd.address(source), sealed.address("out.bin"), kind="copy", **keys, **sealed.options()
    )
    assert outcome.state == "done", outcome.error
    assert sealed.read("out.bin") == data
    assert sealed.uploads() == []
    assert nothing_landed(harness)


def test_a_digest_of_both_ends_verifies(harness: Harness, bucket: Bucket, dav: WebDav):
    data = noise(3 * MIB)
    bucket.put("in.bin", data)
    outcome = harness.run(
        bucket.address("in.bin"), f"{dav.url}/out.bin", kind="copy", **bucket.options()
    )
    assert (outcome.state, outcome.verified) == ("done", True), outcome.error
    assert (dav.files / "out.bin").read_bytes() == data


# ---- by the service itself ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["moto", "juicefs"])
def test_one_service_of_s3_copies_by_itself(harness: Harness, request, kind: str):
    here, there = (Bucket(request.getfixturevalue(kind)) for _ in range(2))
    data = noise(3 * MIB)
    here.put("in.bin", data, ContentType="text/csv", Metadata={"k": "v"})
    with running_toxics(int(here.server.url.rpartition(":")[2]), lambda _: Toxics()) as proxy:
        options = here.options(endpoint=f"http://127.0.0.1:{proxy.port}")
        outcome = harness.run(
            here.address("in.bin"), there.address("a/out.bin"), kind="copy", **options
        )
        assert (outcome.state, outcome.verified) == ("done", True), outcome.error
        assert proxy.counts.returned + proxy.counts.passed < 100_000
    assert there.read("a/out.bin") == data
    head = there.client.head_object(Bucket=there.name, Key="a/out.bin")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"k": "v"})
    (row,) = harness.report.files
    assert row["digest"] == f"md5:{hashlib.md5(data).hexdigest()}"
    assert harness.report.counts[-1]["bytes_done"] == len(data)
    assert harness.report.counts[-1]["bytes_moved"] == 0
    assert nothing_landed(harness)


def test_a_large_object_is_copied_in_parts_by_the_service(
    harness: Harness, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(s3copy, "COPY_AT_ONCE", 6 * MIB)
    monkeypatch.setattr(s3copy, "COPY_PIECE", 5 * MIB)
    data = noise(13 * MIB)
    bucket.put("in.bin", data, ContentType="text/csv")
    outcome = harness.run(
        bucket.address("in.bin"), bucket.address("out.bin"), kind="copy", **bucket.options()
    )
    assert outcome.state == "done", outcome.error
    assert bucket.read("out.bin") == data
    head = bucket.client.head_object(Bucket=bucket.name, Key="out.bin")
    assert head["ContentType"] == "text/csv"
    assert bucket.uploads() == []
    assert harness.report.counts[-1]["bytes_moved"] == 0


@pytest.mark.parametrize("then", ["go on", "cancel", "discard"])
def test_a_copy_in_parts_that_is_stopped(
    harness: Harness, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, then: str
):
    monkeypatch.setattr(s3copy, "COPY_AT_ONCE", 6 * MIB)
    monkeypatch.setattr(s3copy, "COPY_PIECE", 5 * MIB)
    monkeypatch.setattr(run, "PROGRESS_INTERVAL", 0)
    data, taken = noise(13 * MIB), []
    bucket.put("in.bin", data)
    take = s3copy.CopyPartsSink.take

    def take_and_tell(sink: s3copy.CopyPartsSink, span: tuple[int, int]) -> None:
        take(sink, span)
        taken.append(span)
        if len(taken) == 1:
            harness.control.cancel() if then == "cancel" else harness.control.pause()

    monkeypatch.setattr(s3copy.CopyPartsSink, "take", take_and_tell)
    ends = bucket.address("in.bin"), bucket.address("out.bin")
    outcome = harness.run(*ends, kind="copy", **bucket.options())
    assert outcome.state == ("cancelled" if then == "cancel" else "paused"), outcome.error
    assert len(bucket.uploads()) == (then != "cancel")
    if then == "discard":
        request = JobRequest("job", *ends, bucket.options(), (), "copy")
        assert left(request, harness.context(bucket.options())) == 5 * MIB
        discard(harness.root, request, harness.context(bucket.options()))
    elif then == "go on":
        harness.fresh_control()
        outcome = harness.run(*ends, kind="copy", **bucket.options())
        assert outcome.state == "done", outcome.error
        assert len(taken) == len(set(taken)) == 3  # none was copied again
        assert bucket.read("out.bin") == data
    assert bucket.uploads() == []
    assert journals(harness) == []


def test_webdav_copies_by_itself(harness: Harness, dav: WebDav):
    data = noise(2 * MIB)
    old(dav.files / "in.bin", data)
    with running_toxics(dav.port, lambda _: Toxics()) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        outcome = harness.run(f"{url}/in.bin", f"{url}/new/out.bin", kind="copy")
        assert (outcome.state, outcome.verified) == ("done", True), outcome.error
        assert proxy.counts.returned + proxy.counts.passed < 500_000
    assert dav.names() == ["in.bin", "new/out.bin"]
    assert (dav.files / "new" / "out.bin").read_bytes() == data


def test_another_person_at_the_same_service_gets_the_bytes(harness: Harness, bucket: Bucket):
    """A credential for the destination alone is never used at the source."""
    data = noise(MIB)
    bucket.put("in.bin", data)
    there = bucket.options("dest_") | {"dest_access_key_id": "SOMEBODYELSE12345678"}
    outcome = harness.run(
        bucket.address("in.bin"),
        bucket.address("out.bin"),
        kind="copy",
        **bucket.options(),
        **there,
    )
    assert (outcome.state, outcome.verified) == ("done", True), outcome.error
    assert bucket.read("out.bin") == data
    assert harness.report.counts[-1]["bytes_moved"] == len(data)


# ---- many files ---------------------------------------------------------------------------------

ODD = ["a b.txt", "数据/表.csv", "100%.txt", "x#y?z.txt", "q'\"[1]&;+=.txt", "e\u0301.txt", "d/e/f"]


@pytest.mark.parametrize("kind", ["s3", "dav", "sftp"])
def test_a_folder_with_odd_names(
    harness: Harness,
    bucket: Bucket,
    dav: WebDav,
    sshd: Sshd,
    keys: dict,
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(filetree, "SETTLED", -60)  # else a young file may change unseen
    contents = {name: noise(10_000 + len(name)) for name in ODD}
    contents["big.bin"] = noise(6 * MIB)
    for name, data in contents.items():
        bucket.put(f"in/{name}", data)
    bucket.put("in/left.out", b"")
    destination, options = {
        "s3": (bucket.address("out/"), {}),
        "dav": (f"{dav.url}/out/", {}),
        "sftp": (sshd.address(tmp_path / "out"), keys),
    }[kind]
    options |= bucket.options() | {"exclude": ["*.out"]}
    outcome = harness.run(bucket.address("in/"), destination, kind="copy", **options)
    assert outcome.state == "done", (outcome.error, harness.report.files)
    if kind == "s3":
        found = {k[4:]: bucket.read(k) for k in bucket.names() if k.startswith("out/")}
    else:
        folder = (dav.files if kind == "dav" else tmp_path) / "out"
        paths = [path for path in folder.rglob("*") if path.is_file()]
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    assert found == contents
    assert {row["path"] for row in harness.report.files} == set(contents)
    assert harness.report.counts[-1]["files_total"] == len(contents)
    assert nothing_landed(harness)
    again = harness.delivered(bucket.address("in/"))
    harness.report.files.clear()
    moved = harness.run(
        bucket.address("in/"), destination, kind="copy", id="2", delivered=again, **options
    )
    assert moved.state == "done", moved.error
    assert {row["state"] for row in harness.report.files} == {"present"}
    assert harness.report.counts[-1]["bytes_moved"] == 0
    bucket.put("in/a b.txt", b"changed at its source")
    harness.report.files.clear()
    moved = harness.run(
        bucket.address("in/"), destination, kind="copy", id="3", delivered=again, **options
    )
    assert moved.state == "done", moved.error
    states = {row["path"]: row["state"] for row in harness.report.files}
    assert [path for path, state in states.items() if state == "done"] == ["a b.txt"]


def test_names_that_lead_out_of_the_destination(
    harness: Harness, bucket: Bucket, sshd: Sshd, keys: dict, tmp_path: Path
):
    for key in ("in/../../escaped", "in//double", "in/./dot", "in/good"):
        bucket.put(key, b"x")
    target = tmp_path / "deep" / "out"
    outcome = harness.run(
        bucket.address("in/"), sshd.address(target), kind="copy", **bucket.options(), **keys
    )
    assert outcome.state == "failed"
    states = {row["path"]: row["state"] for row in harness.report.files}
    assert [path for path, state in states.items() if state == "done"] == ["good"]
    assert [path.name for path in (tmp_path / "deep").rglob("*") if path.is_file()] == ["good"]
    assert not (tmp_path / "escaped").exists()
    codes = {row["error"]["code"] for row in harness.report.files if row["error"]}
    assert codes == {"invalid_path"}


@pytest.mark.parametrize(
    ("conflict", "state", "there"),
    [
        (None, "failed", {"out/a": b"theirs"}),
        ("fail", "failed", {"out/a": b"theirs"}),
        ("skip", "skipped", {"out/a": b"theirs"}),
        ("overwrite", "done", {"out/a": b"ours"}),
        ("rename", "done", {"out/a": b"theirs", "out/a (1)": b"ours"}),
    ],
)
def test_what_stands_there_already(
    harness: Harness, bucket: Bucket, conflict: str | None, state: str, there: dict[str, bytes]
):
    bucket.put("in/a", b"ours")
    bucket.put("out/a", b"theirs")
    options = bucket.options() | ({"conflict": conflict} if conflict else {})
    harness.run(bucket.address("in/"), bucket.address("out/"), kind="copy", **options)
    assert [row["state"] for row in harness.report.files] == [state]
    assert {k: bucket.read(k) for k in bucket.names() if k.startswith("out/")} == there


# ---- files that change, break off, or are not what they claim to be -----------------------------


class Swapping:
    """A file that is another one from its `at`-th answer on; probes do not count."""

    def __init__(self, old: Resource, new: Resource, at: int) -> None:
        self.old, self.new, self.at = old, new, at
        self.served = 0
        self.lock = threading.Lock()

    def __call__(self, connection: Connection) -> None:
        with self.lock:
            self.served += not connection.request.is_probe
            now = self.old if self.served <= self.at else self.new
        now(connection)


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("kind", ["dav", "s3"])
def test_a_source_that_changes_meanwhile_is_never_mixed(
    harness: Harness, chaos: ChaosServer, bucket: Bucket, dav: WebDav, kind: str, at: int
):
    old, new = Resource(noise(18 * MIB), etag='"old"'), Resource(noise(17 * MIB), etag='"new"')
    source = chaos.add("/f", Swapping(old, new, at))
    destination = bucket.address("f") if kind == "s3" else f"{dav.url}/f"
    options = bucket.options() if kind == "s3" else {}
    outcome = harness.run(source, destination, kind="copy", **options)
    assert outcome.state == "done", outcome.error
    there = bucket.read("f") if kind == "s3" else (dav.files / "f").read_bytes()
    assert there == new.data
    assert bucket.uploads() == []
    assert dav.names() == ([] if kind == "s3" else ["f"])
    assert [code for code, _ in harness.report.notes] == ["remote_changed"]


def test_a_source_that_never_stands_still(harness: Harness, chaos: ChaosServer, bucket: Bucket):
    version = [0]

    def answer(connection: Connection) -> None:
        version[0] += 1
        Resource(noise(2 * MIB), etag=f'"{version[0]}"')(connection)

    outcome = harness.run(
        chaos.add("/f", answer), bucket.address("f"), kind="copy", **bucket.options()
    )
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "remote_changed"
    assert bucket.names() == []
    assert journals(harness) == ["job.journal"]  # the queue tries again


def stated(data: bytes) -> dict[str, str]:
    value = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"Repr-Digest": f"sha-256=:{value}:"}


@pytest.mark.parametrize("kind", ["dav", "put", "s3", "parts"])
def test_bytes_that_are_not_what_the_source_states_never_get_the_name(
    harness: Harness, chaos: ChaosServer, nginx: Nginx, bucket: Bucket, dav: WebDav, kind: str
):
    size = 6 * MIB if kind == "parts" else MIB
    good = noise(size)
    lying = Resource(good[:-1] + b"?", headers=stated(good))
    place = f"p{time.monotonic_ns()}"
    destination = {
        "dav": f"{dav.url}/f",
        "put": f"{nginx.url}/dav/{place}",
        "s3": bucket.address("f"),
        "parts": bucket.address("f"),
    }[kind]
    options = bucket.options() if "s3" in destination else {}
    outcome = harness.run(chaos.add("/f", lying), destination, kind="copy", **options)
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.code == "digest_mismatch"
    assert bucket.names() == []
    assert bucket.uploads() == []
    assert dav.names() == []
    assert not (nginx.files / place).exists()
    assert sum(not one.is_probe for one in chaos.requests) >= 2  # it was fetched once more
    lying.data = good
    outcome = harness.run(chaos.url + "/f", destination, kind="copy", **options)
    assert outcome.state == "done", outcome.error
    assert outcome.verified is (None if kind == "put" else True)


@pytest.mark.parametrize("fault", ["reset", "short", "busy", "expired"])
@pytest.mark.parametrize("size", [MIB, 16 * MIB])
def test_a_line_that_breaks_at_the_source(
    harness: Harness, chaos: ChaosServer, bucket: Bucket, fault: str, size: int
):
    good = Resource(noise(size))
    act = {
        "reset": cut(good, MIB // 2, reset=True),
        "short": cut(good, MIB // 2),
        "busy": status(503),
        "expired": status(403),
    }[fault]
    good.faults = [times(2, act)]
    outcome = harness.run(
        chaos.add("/f", good), bucket.address("f"), kind="copy", **bucket.options()
    )
    assert outcome.state == "done", outcome.error
    assert bucket.read("f") == good.data
    assert bucket.uploads() == []
    assert sum(one.sent for one in chaos.requests) <= size + 6 * MIB


def test_a_locator_that_expires_again_and_again(harness: Harness, chaos: ChaosServer, dav: WebDav):
    """As long as bytes come between, it is asked for anew."""
    good = Resource(noise(16 * MIB))
    asked = [0]

    def expire(connection: Connection) -> bool:
        asked[0] += not connection.request.is_probe
        if connection.request.is_probe or asked[0] % 2:
            return False
        connection.head(403, {"Content-Length": "0"})
        return True

    good.faults = [expire]
    harness.control.connections = 1
    outcome = harness.run(chaos.add("/f", good), f"{dav.url}/f", kind="copy")
    assert outcome.state == "done", outcome.error
    assert (dav.files / "f").read_bytes() == good.data
    assert asked[0] > 10


@pytest.mark.parametrize("kind", ["dav", "sftp"])
def test_a_line_that_breaks_at_the_destination(
    harness: Harness, chaos: ChaosServer, dav: WebDav, sshd: Sshd, keys, tmp_path: Path, kind: str
):
    """A PUT begins anew, and so the source is asked again; SFTP goes on where it was."""
    data = noise(9 * MIB)
    source = chaos.add("/f", Resource(data))
    broken = [3 * MIB, 5 * MIB]
    port = dav.port if kind == "dav" else sshd.port

    def toxics(number: int) -> Toxics:
        return Toxics(reset_at=broken.pop(0)) if broken else Toxics()

    with running_toxics(port, toxics) as proxy:
        target = tmp_path / "out" / "f"
        if kind == "dav":
            destination, options = f"http://127.0.0.1:{proxy.port}/f", {}
        else:
            destination = f"sftp://127.0.0.1:{proxy.port}{target}"
            options = {**keys, "host_key": sshd.fingerprint()}
        outcome = harness.run(source, destination, kind="copy", **options)
    assert outcome.state == "done", outcome.error
    assert (dav.files / "f" if kind == "dav" else target).read_bytes() == data


@pytest.mark.parametrize("kind", ["unproven", "no ranges", "chunked", "gzipped"])
def test_a_source_without_ranges_or_proofs(
    harness: Harness, chaos: ChaosServer, bucket: Bucket, dav: WebDav, kind: str
):
    size = 11 * MIB if kind in ("unproven", "no ranges") else MIB
    plain = Resource(noise(size), ranges=kind != "no ranges")
    if kind == "unproven":
        plain.etag = plain.modified = None
    answer = {"chunked": chunked(plain), "gzipped": gzipped(plain)}.get(kind, plain)
    source = chaos.add("/f", answer)
    outcome = harness.run(source, bucket.address("f"), kind="copy", **bucket.options())
    assert outcome.state == "done", outcome.error
    assert bucket.read("f") == plain.data
    outcome = harness.run(source, f"{dav.url}/f", kind="copy", id="2")
    assert outcome.state == "done", outcome.error
    assert (dav.files / "f").read_bytes() == plain.data


def test_one_answer_that_breaks_off_is_begun_anew(
    harness: Harness, chaos: ChaosServer, bucket: Bucket
):
    plain = Resource(noise(11 * MIB), ranges=False)
    plain.faults = [times(1, cut(plain, 7 * MIB))]
    outcome = harness.run(
        chaos.add("/f", plain), bucket.address("f"), kind="copy", **bucket.options()
    )
    assert outcome.state == "done", outcome.error
    assert bucket.read("f") == plain.data
    assert bucket.uploads() == []


def test_a_large_file_of_unknown_size_is_refused(
    harness: Harness, chaos: ChaosServer, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unsized, "LARGEST", MIB)
    source = chaos.add("/f", chunked(Resource(noise(2 * MIB))))
    outcome = harness.run(source, bucket.address("f"), kind="copy", **bucket.options())
    assert outcome.error is not None
    assert outcome.error.code == "too_large"
    assert bucket.names() == []


# ---- stopped ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["s3", "dav", "sftp"])
@pytest.mark.parametrize("how", ["cancel", "pause"])
def test_stopped_in_the_middle(
    harness: Harness,
    chaos: ChaosServer,
    bucket: Bucket,
    dav: WebDav,
    sshd: Sshd,
    keys: dict,
    tmp_path: Path,
    kind: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sendrun, "PASSES", (0.0, 0.3, 1.5))  # the server may be slow to give up
    data = noise(18 * MIB)
    source = chaos.add("/f", Resource(data))
    destination, options = {
        "s3": (bucket.address("f"), bucket.options()),
        "dav": (f"{dav.url}/f", {}),
        "sftp": (sshd.address(tmp_path / "out" / "f"), keys),
    }[kind]

    def stop(counts: dict) -> None:
        if counts["bytes_done"] >= 11 * MIB:
            getattr(harness.control, how)()

    harness.report.on_progress = stop
    harness.control.bandwidth.rate = 16 * MIB
    outcome = harness.run(source, destination, kind="copy", **options)
    assert outcome.state == ("cancelled" if how == "cancel" else "paused"), outcome.error
    there = {
        "s3": lambda: (bucket.names(), bucket.uploads()),
        "dav": dav.names,
        "sftp": lambda: [p.name for p in (tmp_path / "out").glob("*")],
    }[kind]()
    if how == "cancel":
        assert there in ([], ([], [])), harness.report.notes
        assert journals(harness) == []
        return
    assert journals(harness) == ["job.journal"]
    harness.fresh_control()
    before = sum(one.sent for one in chaos.requests)
    outcome = harness.run(source, destination, kind="copy", **options)
    assert outcome.state == "done", outcome.error
    again = sum(one.sent for one in chaos.requests) - before
    if kind != "dav":
        assert again < len(data) - 4 * MIB
        assert outcome.verified is None
    found = {
        "s3": lambda: bucket.read("f"),
        "dav": (dav.files / "f").read_bytes,
        "sftp": (tmp_path / "out" / "f").read_bytes,
    }[kind]()
    assert found == data
    assert bucket.uploads() == []


def test_memory_is_bounded_and_the_limit_holds(
    harness: Harness, chaos: ChaosServer, dav: WebDav, monkeypatch: pytest.MonkeyPatch
):
    """A destination that is slow makes the source wait."""
    data = noise(36 * MIB)
    source = chaos.add("/f", Resource(data))
    ahead = []

    def look(counts: dict) -> None:
        ahead.append(sum(one.sent for one in chaos.requests) - counts["bytes_done"])

    harness.report.on_progress = look
    harness.control.bandwidth.rate = 24 * MIB
    began = time.monotonic()
    outcome = harness.run(source, f"{dav.url}/f", kind="copy")
    assert outcome.state == "done", outcome.error
    assert time.monotonic() - began > 1.4
    assert (dav.files / "f").read_bytes() == data
    assert max(ahead) < inflow.WINDOW + 16 * MIB  # what lies in the kernel's buffers counts, too


# ---- who asks -----------------------------------------------------------------------------------


def test_credentials_of_both_ends(harness: Harness, bucket: Bucket, tmp_path: Path):
    bucket.put("in.bin", b"x" * 1000)
    options = bucket.options()
    with running_webdav(tmp_path / "p" / "files", user="me", password="canary-there") as server:
        start = partial(harness.run, bucket.address("in.bin"), f"{server.url}/f", kind="copy")
        outcome = start(**options)
        assert outcome.state == "waiting"
        assert outcome.error is not None
        assert outcome.error.code == "needs_credentials"
        assert outcome.error.detail["end"] == "destination"
        assert set(outcome.error.detail["options"]) >= {"dest_username", "dest_password"}
        outcome = start(id="2", dest_username="me", dest_password="canary-there", **options)
        assert outcome.state == "done", outcome.error
        assert (server.files / "f").read_bytes() == b"x" * 1000
    state = harness.folder.parent / "state"
    texts = [file.read_text() for file in state.rglob("*") if file.is_file()]
    shown = str([texts, harness.report.files, harness.report.notes])
    assert "canary" not in shown


def test_a_source_that_wants_credentials_says_so(harness: Harness, tmp_path: Path, bucket: Bucket):
    with running_webdav(tmp_path / "p" / "files", user="me", password="canary-here") as server:
        (server.files / "f").write_bytes(b"abc")
        outcome = harness.run(
            f"{server.url}/f", bucket.address("f"), kind="copy", **bucket.options()
        )
        assert outcome.state == "waiting"
        assert outcome.error is not None
        assert outcome.error.detail.get("end") == "source"
