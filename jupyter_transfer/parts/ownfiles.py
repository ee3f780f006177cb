"""Files of our own outside the root: one without a name, and what the kernel tells of itself."""

from __future__ import annotations

import os
import tempfile
from functools import cache

from ..errors import from_os_error


@cache
def boot_id() -> str:
    """What the running kernel, and with it all that it holds in memory, is known by."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return os.urandom(16).hex()  # so nothing is believed after this process


def made_folder(path: str) -> str:
    """The folder at the absolute `path`, which is made if it is missing. Raises ``read_only`` and
    others."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise from_os_error(error) from None
    return path


def scratch_file() -> int:
    """The descriptor of a new file without a name for what this process need not keep in memory;
    it is gone when it is closed. Raises ``disk_full`` and others."""
    try:
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    except OSError as error:
        raise from_os_error(error) from None
