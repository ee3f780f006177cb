"""Links and small texts that get their names in one step, below a root."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress

from ..errors import TransferError, from_os_error
from ..names import split_path
from ..paths import Folders, Root, sync_filesystem


def point(root: Root, links: Iterable[tuple[str, str]]) -> None:
    """Make each link (its path, and the path that it leads to), in place of what stands there, and
    bring all of them to the disk. Their folders are made. Raises what `Root.publish` raises."""
    with root.staging("", create=True) as staging, Folders(root) as folders:
        for path, target in links:
            relative = os.path.relpath(f"/{target}", f"/{split_path(path)[0]}")
            if _leads_to(folders, path) == relative:
                continue
            name = secrets.token_hex(8)
            try:
                os.symlink(relative, name, dir_fd=staging)
                folders.publish(staging, name, path, "overwrite")
            except OSError as error:
                raise from_os_error(error, path) from None
            finally:
                with suppress(OSError):
                    os.unlink(name, dir_fd=staging)
        try:
            sync_filesystem(staging)
        except OSError as error:
            raise from_os_error(error) from None
    root.remove_staging("")


def _leads_to(folders: Folders, path: str) -> str | None:
    folder, name = split_path(path)
    try:
        return os.readlink(name, dir_fd=folders.make(folder))
    except (OSError, TransferError):
        return None


def put_text(root: Root, path: str, text: str) -> None:
    """Put a file that holds `text` at `path`, in place of what stands there. Raises what
    `Root.publish` raises."""
    put_texts(root, [(path, text)])


def put_texts(root: Root, texts: Iterable[tuple[str, str]]) -> None:
    """`put_text` for each path and text; all of them are brought to the disk together, at last."""
    name = secrets.token_hex(8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with root.staging("", create=True) as staging, Folders(root) as folders:
        for path, text in texts:
            try:
                with open(os.open(name, flags, 0o666, dir_fd=staging), "w") as file:
                    file.write(text)
                folders.publish(staging, name, path, "overwrite")
            except OSError as error:
                raise from_os_error(error, path) from None
            finally:
                with suppress(OSError):
                    os.unlink(name, dir_fd=staging)
        try:
            sync_filesystem(staging)
        except OSError as error:
            raise from_os_error(error) from None
    root.remove_staging("")
