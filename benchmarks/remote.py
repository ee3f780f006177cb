"""Claim: one large file comes from and goes to S3 and SFTP as fast as with their own programs.

S3 is ``rclone serve s3``, whose ETags are MD5s, and the gateway of JuiceFS, whose objects keep the
ETags of the parts they came in; SFTP is an OpenSSH server of this script's own.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count as counter
from pathlib import Path
from typing import Any

from . import processes
from .fetch import Worker
from .harness import (
    MissingError,
    Sample,
    Variant,
    absent,
    best,
    compare,
    interleave,
    random_file,
    run_command,
    show_size,
    timed_fdatasync,
    tree_cpu,
)
from .processes import Server, free_port, running
from .report import Report, find_beside, find_tool
from .s3server import credentials, gateway, s3_server

NAME = "big.bin"

METHOD = """One file of random bytes between this disk and a server that keeps its files on the
same one. *Ours* is a warm `python -m jupyter_transfer.worker`, driven as the server drives it,
from the run message to its end: verified where the service gives a digest, and, when it comes
here, published and on the disk; _not verified_ is the same with `checksum: off`. The object in
parts came in parts of 8 MiB, and lies in the gateway of JuiceFS; the others in `rclone serve s3`.
rclone runs with `--multi-thread-streams 4` and up with parts of 16 MiB, s5cmd with parts of 16
MiB, `sftp` with OpenSSH's own settings; each is timed from start to exit. *fdatasync* is that of
the file that was made, here or there. Every file is compared byte for byte outside the timed
part."""

_SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {work}/host
PidFile none
AuthorizedKeysFile {work}/key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


@dataclass
class Route:
    """From where to where one variant moves its files.

    Parameters
    ----------
    far: the folder of the server, in which every file lies that it serves.
    up: whether the file goes to the server.
    """

    server: Server
    here: Path
    far: Path
    up: bool
    numbers: Iterator[int] = field(default_factory=counter)

    @property
    def source(self) -> Path:
        """The file that is moved."""
        return (self.here if self.up else self.far) / NAME

    def target(self) -> Path:
        """A file that is not there yet."""
        return (self.far if self.up else self.here) / f"{next(self.numbers)}-{NAME}"


Move = Callable[[Path, Path], Sample]


def run(folder: Path, size: int, rounds: int) -> bool:
    """Measure and publish; whether the goals were met."""
    report = Report("remote", f"{show_size(size)} over S3 and SFTP", METHOD, folder, rounds)
    here = folder / "here"
    os.utime(random_file(here / NAME, size), (1_700_000_000, 1_700_000_000))  # it stands still
    groups: dict[str, list[Variant]] = {}
    with ExitStack() as stack:
        home = {"HOME": str(folder / "home")}
        worker = Worker(folder, env=credentials() | home)
        stack.callback(worker.close)
        for title, make in (("S3", _s3), ("S3 in parts", _s3_parts), ("SFTP", _sftp)):
            try:
                groups |= make(stack, folder, worker, size)
            except MissingError as error:
                groups[title] = [absent("all", str(error))]
        interleave([variant for group in groups.values() for variant in group], rounds)
    for title, group in groups.items():
        rival = best(variant for variant in group if not variant.ours)
        report.transfers(group, rival, title)
        ours = next((variant for variant in group if variant.ours), None)
        report.at_least(f"{title}: at least as fast as the best rival", ours, rival, 1.0)
    return report.publish()


def _variant(route: Route, name: str, move: Move, size: int, *, ours: bool = False) -> Variant:
    def one() -> Sample:
        source, target = route.source, route.target()
        before = route.server.cpu()
        try:
            sample = move(source, target)
            sample.server_cpu = route.server.cpu() - before
            sample.synced = sample.seconds + timed_fdatasync(target)
            compare(target, source)
        finally:
            target.unlink(missing_ok=True)
        return sample

    return Variant(name, size, one, ours, warm=one)


def _ours(worker: Worker, job: Callable[[Path, Path], tuple[Any, ...]]) -> Move:
    def move(source: Path, target: Path) -> Sample:
        pid = worker.process.pid
        cpu, begin = tree_cpu(pid), time.monotonic()
        worker.run(*job(source, target))
        seconds = time.monotonic() - begin
        return Sample(seconds, tree_cpu(pid) - cpu)

    return move


def _rival(command: Callable[[Path, Path], list[str]]) -> Move:
    def move(source: Path, target: Path) -> Sample:
        seconds, cpu = run_command(command(source, target), env=credentials())
        return Sample(seconds, cpu)

    return move


# ---- S3 -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bucket:
    """A bucket, how each program gets at it, and the folder whose files it holds, under their
    names."""

    endpoint: str
    far: Path
    provider: str

    def job(self, source: Path, target: Path, **more: str) -> tuple[Any, ...]:
        options = {"endpoint": self.endpoint, **more}
        if target.parent == self.far:
            return "send", f"here/{source.name}", f"s3://bucket/{target.name}", options
        return "fetch", f"s3://bucket/{source.name}", f"here/{target.name}", options

    def unverified(self, source: Path, target: Path) -> tuple[Any, ...]:
        return self.job(source, target, checksum="off")

    def rclone(self, source: Path, target: Path) -> list[str]:
        command = [str(find_beside("rclone")), "copyto", "--config", os.devnull]
        command += ["--s3-provider", self.provider, "--s3-env-auth"]
        command += ["--s3-endpoint", self.endpoint]
        command += ["--multi-thread-streams", "4", "--s3-chunk-size", "16Mi"]
        command.append("--s3-no-check-bucket")
        return [*command, *self._named(source, target, ":s3:bucket/")]

    def s5cmd(self, source: Path, target: Path) -> list[str]:
        command = ["s5cmd", "--endpoint-url", self.endpoint, "--log", "error", "cp", "-p", "16"]
        return [*command, *self._named(source, target, "s3://bucket/")]

    def _named(self, source: Path, target: Path, prefix: str) -> list[str]:
        return [
            f"{prefix}{path.name}" if path.parent == self.far else str(path)
            for path in (source, target)
        ]

    def group(self, route: Route, worker: Worker, size: int) -> list[Variant]:
        """Everybody who moves the file by `route`."""
        group = [_variant(route, "ours", _ours(worker, self.job), size, ours=True)]
        if not route.up:
            move = _ours(worker, self.unverified)
            group.append(_variant(route, "ours, not verified", move, size, ours=True))
        group.append(_variant(route, "rclone", _rival(self.rclone), size))
        if find_tool("s5cmd") is None:
            return [*group, absent("s5cmd", "s5cmd is not installed")]
        return [*group, _variant(route, "s5cmd", _rival(self.s5cmd), size)]


def _s3(stack: ExitStack, folder: Path, worker: Worker, size: int) -> dict[str, list[Variant]]:
    far = folder / "store" / "bucket"
    far.mkdir(parents=True)
    os.link(folder / "here" / NAME, far / NAME)
    server = stack.enter_context(s3_server(folder / "store"))
    bucket = _Bucket(server.url.rstrip("/"), far, "Rclone")
    return {
        title: bucket.group(Route(server, folder / "here", far, up), worker, size)
        for title, up in (("S3 down", False), ("S3 up", True))
    }


def _s3_parts(
    stack: ExitStack, folder: Path, worker: Worker, size: int
) -> dict[str, list[Variant]]:
    far = folder / "parts"
    far.mkdir()
    server = stack.enter_context(gateway(folder / "gateway"))
    bucket = _Bucket(server.url.rstrip("/"), far, "Minio")
    worker.run(*bucket.job(folder / "here" / NAME, far / NAME))  # in parts of 8 MiB
    os.link(folder / "here" / NAME, far / NAME)
    route = Route(server, folder / "here", far, up=False)
    return {"S3 down, an object in parts": bucket.group(route, worker, size)}


# ---- SFTP ---------------------------------------------------------------------------------------


def _sftp(stack: ExitStack, folder: Path, worker: Worker, size: int) -> dict[str, list[Variant]]:
    if find_tool("sftp") is None:
        raise MissingError("sftp is not installed")
    far = folder / "far"
    far.mkdir()
    os.link(folder / "here" / NAME, far / NAME)
    work = folder / "ssh"
    server = stack.enter_context(_sshd(work, folder / "home"))
    port = server.url.rstrip("/").rpartition(":")[2]

    def job(source: Path, target: Path) -> tuple[Any, ...]:
        options = {"key_file": str(work / "key")}
        url = f"sftp://127.0.0.1:{port}"
        if target.parent == far:
            return "send", f"here/{source.name}", f"{url}{target}", options
        return "fetch", f"{url}{source}", f"here/{target.name}", options

    def sftp(source: Path, target: Path) -> list[str]:
        batch = work / "batch"
        batch.write_text(f"{'put' if target.parent == far else 'get'} {source} {target}\n")
        command = ["sftp", "-q", "-b", str(batch), "-P", port, "-i", str(work / "key")]
        command += ["-o", f"UserKnownHostsFile={folder}/home/.ssh/known_hosts", "-F", "none"]
        return [*command, "127.0.0.1"]

    groups = {}
    for title, up in (("SFTP down", False), ("SFTP up", True)):
        route = Route(server, folder / "here", far, up)
        groups[title] = [
            _variant(route, "ours", _ours(worker, job), size, ours=True),
            _variant(route, "sftp", _rival(sftp), size),
        ]
    return groups


@contextmanager
def _sshd(work: Path, home: Path) -> Iterator[Server]:
    """An OpenSSH server for whoever runs this; `home` gets the known_hosts that lists it."""
    program = find_tool("sshd")
    if program is None:
        raise MissingError("sshd is not installed")
    work.mkdir()
    for name in ("host", "key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(work / name)]
        subprocess.run(command, check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    known = home / ".ssh" / "known_hosts"
    known.parent.mkdir(parents=True, mode=0o700)
    known.write_text(f"[127.0.0.1]:{port} {(work / 'host.pub').read_text()}")
    config = work / "sshd_config"
    config.write_text(_SSHD.format(port=port, work=work))
    log = work / "sshd.log"
    with running([program, "-D", "-e", "-f", str(config)], log) as process:
        processes.wait_for_port(port, process, log)
        yield Server(process.pid, f"sftp://127.0.0.1:{port}/", work)
