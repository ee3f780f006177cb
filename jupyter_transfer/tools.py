"""Child processes: programs of others that this package runs, always in a worker.

A child gets a fixed list of arguments and no shell, an environment that is made for it, a process
group of its own, nothing on standard input unless it is given, and dies with this process, however
this process ends. What it says on standard error is read as JSON lines where it speaks that way.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .errors import TransferError

Line = dict[str, Any]

KEPT_LINES = 40
"""Last lines of a child that are kept for the report of its failure."""

LINE_LIMIT = 1 << 20
"""Bytes in one line of a child."""

_ENDS = re.compile(rb"[\r\n]")
"""Programs draw their progress by returning to the beginning of the line."""

_PR_SET_PDEATHSIG = 1
_SOCKET_PATH = 100
"""Bytes in the path of a unix socket (sockaddr_un has 108)."""

_libc = ctypes.CDLL(None)


def candidates(name: str) -> list[str]:
    """The programs called `name`: that beside this Python (a wheel brought it), those on PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    folders = (os.path.dirname(sys.executable), None)
    found = [shutil.which(beside) if folder else shutil.which(name) for folder in folders]
    return list(dict.fromkeys(path for path in found if path))


def _die_with(parent: int) -> Callable[[], None]:
    """What a child does before it becomes the program: the kernel kills it when its parent dies."""

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the parent died before the kernel knew

    return prepare


class Child:
    """A running program.

    Parameters
    ----------
    arguments: program and arguments; what people wrote stands behind ``--`` only.
    environment: all of it.
    on_line: called with each JSON line of standard error, from a thread of its own.
    output: whether `lines` are read from standard output; else it is thrown away.
    input: bytes for standard input.
    fds: descriptors that it inherits.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        on_line: Callable[[Line], None] | None = None,
        output: bool = False,
        input: bytes | None = None,
        fds: Sequence[int] = (),
    ) -> None:
        self.said: deque[Line] = deque(maxlen=KEPT_LINES)
        """The last lines of standard error; one that is no JSON is ``{"msg": line}``."""
        self._on_line = on_line
        try:
            self._process = subprocess.Popen(  # noqa: S603 - fixed arguments, no shell
                list(arguments),
                env=dict(environment),
                stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE if output else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=tuple(fds),
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - two system calls, no lock
            )
        except OSError as error:
            name = os.path.basename(arguments[0])
            raise TransferError(
                "tool_missing", f"The program {name} cannot be started: {error.strerror}."
            ) from None
        self._reader = threading.Thread(target=self._read_errors, name="stderr", daemon=True)
        self._reader.start()
        if input is not None:
            threading.Thread(target=self._feed, args=(input,), name="stdin", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it still runs. One that has ended is left to `wait` and `stop`: until then
        nobody else gets its number, which is that of its group."""
        if self._process.returncode is not None:
            return False
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, how) is None

    @property
    def pid(self) -> int:
        """Its process id, which is that of its process group too."""
        return self._process.pid

    def lines(self, check: Callable[[], None]) -> Iterator[bytes]:
        """The lines of standard output as they come, without their end. `check` is called at
        least every tenth of a second and may raise. Raises ``remote_lied`` for an endless line."""
        rest = b""
        for data in self.chunks(check):
            *whole, rest = (rest + data).split(b"\n")
            yield from whole
            if len(rest) > LINE_LIMIT:
                raise TransferError("remote_lied", "A name in the listing has no end.")
        if rest:
            yield rest

    def chunks(self, check: Callable[[], None]) -> Iterator[bytes]:
        """Standard output as it comes. `check` is called at least every tenth of a second and may
        raise."""
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            while True:
                check()
                if not selector.select(0.1):
                    continue
                data = os.read(fd, 1 << 18)
                if not data:
                    return
                yield data

    def wait(self, check: Callable[[], None] = lambda: None) -> int:
        """Wait for its end, calling `check`, which may raise; the exit code. What it started ends
        with it."""
        while self.alive:
            check()
            time.sleep(0.01)
        return self._end()

    def stop(self, grace: float = 0.0) -> None:
        """End it and all that it started: kindly within `grace` seconds, else at once."""
        if self.alive and grace:
            self._signal(signal.SIGINT)
            end = time.monotonic() + grace
            while self.alive and time.monotonic() < end:
                time.sleep(0.02)
        self._end()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _end(self) -> int:
        self._signal(signal.SIGKILL)
        code = self._process.wait()
        self._reader.join(1)
        return code

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:  # else the number may be another process by now
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _feed(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as pipe:
            pipe.write(data)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        with self._process.stderr as pipe:
            while data := os.read(pipe.fileno(), 1 << 16):
                *whole, rest = _ENDS.split(rest + data)
                if len(rest) > LINE_LIMIT:
                    whole, rest = [*whole, rest], b""
                self._hear(whole)
            self._hear([rest])

    def _hear(self, lines: Sequence[bytes]) -> None:
        for raw in filter(None, lines):
            line = _parsed(raw)
            self.said.append(line)
            if self._on_line is not None:
                self._on_line(line)


def _parsed(raw: bytes) -> Line:
    try:
        line = json.loads(raw)
    except ValueError:
        line = None
    return line if isinstance(line, dict) else {"msg": raw.decode("utf-8", "replace").strip()}


def run(arguments: Sequence[str], environment: Mapping[str, str], **options: Any) -> bytes:
    """What a program that is short-lived prints. Raises ``tool_missing``; ``internal`` if it
    fails or does not end within 20 seconds."""
    child = Child(arguments, environment, output=True, **options)
    end = time.monotonic() + 20

    def check() -> None:
        if time.monotonic() > end:
            raise TransferError("internal", f"{os.path.basename(arguments[0])} does not end.")

    try:
        printed = b"\n".join(child.lines(check))
        if child.wait(check) != 0:
            name = os.path.basename(arguments[0])
            raise TransferError("internal", f"{name} failed: {last_words(child.said)}")
        return printed
    finally:
        child.stop()


def hand_over(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Let a program have the terminal until it ends; its exit code."""
    return subprocess.call(list(arguments), env=dict(environment))  # noqa: S603 - no shell


def last_words(said: Sequence[Line]) -> str:
    """The last error that a child reported, on one line."""
    errors = [line for line in said if line.get("level") in (None, "error", "critical", "fatal")]
    text = str((errors or list(said) or [{}])[-1].get("msg", ""))
    return " ".join(text.split())


class PrivateFolder:
    """A folder for sockets and the like of one job's children, nobody else's (mode 0700). Those
    that processes left behind which died are removed when the next one is made."""

    PREFIX = "jupyter-transfer-"

    def __init__(self) -> None:
        _remove_orphans(self.PREFIX)
        self.path = tempfile.mkdtemp(prefix=f"{self.PREFIX}{os.getpid()}-", dir=_place())

    def socket(self, name: str) -> str:
        """The path of a socket in it."""
        return os.path.join(self.path, name)

    def has(self, name: str) -> bool:
        """Whether the socket `name` is there."""
        return os.path.exists(self.socket(name))

    def write(self, name: str, data: bytes, mode: int = 0o600) -> str:
        """Make the file `name` in it; its path."""
        path = os.path.join(self.path, name)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        return path

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _place() -> str:
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) < _SOCKET_PATH - 60 else "/tmp"  # noqa: S108 - 0700


def _remove_orphans(prefix: str) -> None:
    with suppress(OSError), os.scandir(_place()) as entries:
        for entry in entries:
            pid = entry.name.removeprefix(prefix).partition("-")[0]
            if not entry.name.startswith(prefix) or not pid.isdigit():
                continue
            mine = entry.stat(follow_symlinks=False).st_uid == os.getuid()
            if mine and entry.is_dir(follow_symlinks=False) and not _runs(int(pid)):
                shutil.rmtree(entry.path, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
