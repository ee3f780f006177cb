"""The folders that transfers need, and what this process may use."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import suppress

from jupyter_core.paths import jupyter_data_dir

from ...store.filesystems import on_network_filesystem
from ..words import amount
from .finding import Finding, State

LITTLE = 1 << 30
"""Free bytes below which a person should know."""

FEW_FILES = 1024
"""Open files that a job with many connections may need."""


def places() -> Iterator[Finding]:
    """The working folder, the state folder and the limit of open files."""
    yield from _folder("working folder", os.getcwd())
    yield from _folder(
        "state folder of commands", os.path.join(jupyter_data_dir(), "jupyter_transfer")
    )
    yield _open_files()


def _folder(name: str, path: str) -> Iterator[Finding]:
    there = _nearest(path)
    made = "" if there == path else ", which will be made"
    try:
        fd = os.open(there, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        text = f"{path} cannot be opened: {error.strerror}"
        yield Finding("places", name, "failed", text, "Choose a folder that is yours.")
        return
    try:
        refusal = _refusal(there)
        if refusal:
            text = f"nothing can be written in {path}: {refusal}"
            yield Finding("places", name, "failed", text, "Free space, or use another folder.")
        else:
            yield Finding("places", name, "ok", f"{path}{made} can be written to")
        yield _space(name, fd)
        yield _kind(name, fd, there)
    finally:
        os.close(fd)


def _nearest(path: str) -> str:
    while path != os.path.dirname(path):
        if os.path.lexists(path):
            return path
        path = os.path.dirname(path)
    return path


def _refusal(folder: str) -> str | None:
    """Why nothing can be written in `folder`; None when 4 KiB could. The file that is made for it
    has no name where the file system can do that (open(2), O_TMPFILE), and is gone at the end."""
    flags = os.O_WRONLY | os.O_CLOEXEC
    named = None
    try:
        try:
            fd = os.open(folder, flags | os.O_TMPFILE, 0o600)
        except OSError as error:
            if error.errno not in _NO_TMPFILE:
                raise
            named = os.path.join(folder, f".jupyter-transfer-doctor-{os.getpid()}")
            fd = os.open(named, flags | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, bytes(4096))
            os.fsync(fd)
        finally:
            os.close(fd)
            if named is not None:
                os.unlink(named)
    except OSError as error:
        return error.strerror
    return None


_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


def _space(name: str, fd: int) -> Finding:
    status = os.fstatvfs(fd)
    free = status.f_bavail * status.f_frsize
    text = f"{amount(free)} are free on its file system"
    if status.f_files and not status.f_favail:
        return Finding("places", f"{name}: space", "failed", "no further file fits", _FREE)
    state: State = "warning" if free < LITTLE else "ok"
    return Finding("places", f"{name}: space", state, text, _FREE if free < LITTLE else "")


_FREE = "Remove what you do not need, or use a folder on another file system."


def _kind(name: str, fd: int, path: str) -> Finding:
    kind = _mounted(fd)
    shared = on_network_filesystem(path)
    text = f"{kind or 'of an unknown kind'}{', which other machines may use too' if shared else ''}"
    return Finding("places", f"{name}: file system", "ok", text)


def _mounted(fd: int) -> str | None:
    """The kind of the file system that the descriptor `fd` lies on (proc_pid_fdinfo(5),
    proc_pid_mountinfo(5)); None where the kernel does not say."""
    with suppress(OSError, ValueError, StopIteration):
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
            mount = next(line.split()[1] for line in info if line.startswith("mnt_id:"))
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            line = next(line for line in mounts if line.split()[0] == mount)
        return line.partition(" - ")[2].split()[0]
    return None


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FEW_FILES:
        many = "as many as wanted" if soft == resource.RLIM_INFINITY else f"{soft:,}"
        return Finding("places", "open files", "ok", many)
    most = f" up to {hard:,}" if hard != resource.RLIM_INFINITY else ""
    text = f"{soft:,} at most; jobs with many connections may need {FEW_FILES:,}"
    remedy = f"Raise it{most} before: ulimit -n {FEW_FILES}."
    return Finding("places", "open files", "warning", text, remedy)
