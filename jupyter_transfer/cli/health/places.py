"""The folders that transfers need, and what this process may use."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress

from jupyter_core.paths import jupyter_data_dir

from ...errors import TransferError
from ...paths import Root
from ...store.filesystems import on_network_filesystem
from ..local import place_of
from ..words import amount
from .finding import Finding, State

LITTLE = 1 << 30
"""Free bytes below which a person should know."""

FEW_FILES = 1024
"""Open files that a job with many connections may need."""


def places() -> Iterator[Finding]:
    """The working folder, the state folder and the limit of open files."""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        yield _closed("working folder", "the folder that this shell is in was removed")
    else:
        yield from _folder("working folder", here)
    yield from _folder(
        "state folder of commands", os.path.join(jupyter_data_dir(), "jupyter_transfer")
    )
    yield _open_files()


def _folder(name: str, path: str) -> Iterator[Finding]:
    place = place_of(path)
    try:
        root = Root(place.root, allow_hidden=True)
    except OSError as error:
        yield _closed(name, f"{path} cannot be opened: {error.strerror}")
        return
    try:
        rest = place.path.strip("./")
        root.nearest_folder(rest)
        with root.folder("") as fd:
            made = ", which will be made" if rest else ""
            refusal = root.write_refusal("")
            if refusal:
                text = f"nothing can be written in {path}: {refusal}"
                yield Finding("places", name, "failed", text, "Free space, or use another folder.")
            else:
                yield Finding("places", name, "ok", f"{path}{made} can be written to")
            yield _space(name, fd)
            yield _kind(name, fd, place.root)
    except TransferError as error:
        yield _closed(name, f"{path} cannot be opened: {error.message}")
    finally:
        root.close()


def _closed(name: str, text: str) -> Finding:
    return Finding("places", name, "failed", text, "Choose a folder that is yours.")


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
