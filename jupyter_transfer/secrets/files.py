"""Files that hold one secret each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ..errors import TransferError

MAX_FILE = 64 << 10
"""Bytes in a file that holds one secret."""


def no_secret(kind: str, why: str) -> TransferError:
    """The error of a reference of the `kind` that leads to nothing."""
    names = {
        "env": "a variable",
        "file": "a file",
        "keyring": "the keyring",
        "kubernetes": "a secret",
    }
    return TransferError(
        "needs_credentials",
        f"The credentials should be in {names[kind]} of the server, but {why}.",
        "Put them there, or enter them here.",
    )


def read_secret(path: str, secret_dirs: Iterable[str]) -> str:
    """What the file at `path` holds, without the end of its line: see `references.resolve`. Raises
    ``needs_credentials``."""
    real = os.path.realpath(Path(path).expanduser())
    folders = [os.path.realpath(folder) for folder in secret_dirs]
    trusted = any(_lies_in(real, folder) for folder in folders)
    if not trusted and not _lies_in(real, os.path.realpath(Path.home())):
        raise no_secret("file", "it lies outside the home folder and the secret folders")
    try:
        fd = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise no_secret("file", "it cannot be opened") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            raise no_secret("file", "it is no short, regular file")
        if not trusted and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            raise no_secret("file", "others may read it: give it the mode 0600")
        data = os.read(fd, MAX_FILE)
    except OSError:
        raise no_secret("file", "it cannot be read") from None
    finally:
        os.close(fd)
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise no_secret("file", "it is no text") from None


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")
