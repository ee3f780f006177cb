"""A real JupyterLab with our extension, open in a real Chromium."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

from . import processes
from .browser import Browser
from .harness import BrokenError, MissingError
from .processes import Server
from .report import REPOSITORY

LISTING = ".jp-FileBrowser .jp-DirListing-content"
"""Where things are dropped."""
TAB = "[data-id=jp-transfers-panel]"
"""What opens the panel."""
REST = 3
"""Seconds in which a page comes to rest."""


def start(folder: Path) -> AbstractContextManager[Server]:
    """A JupyterLab with our extension that asks nobody for news.

    Raises `MissingError` unless it would load our front end.
    """
    built = REPOSITORY / "jupyter_transfer" / "labextension" / "package.json"
    linked = Path(sys.prefix, "share", "jupyter", "labextensions", "jupyter-transfer")
    if not (linked / "package.json").is_file():
        raise MissingError("the front end is not linked in this environment: make install")
    if built.is_file() and linked.resolve() != built.parent.resolve():
        raise MissingError("this environment has the front end of another checkout: make install")
    traits = {
        "LabApp": {
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "workspaces_dir": str(folder / "workspaces"),
        }
    }
    return processes.jupyter(folder, "jupyterlab", "jupyter_transfer", traits=traits)


def visit(browser: Browser, server: Server, script: str = "") -> None:
    """Open it in a fresh page in which `script` runs first, and wait until it is at rest."""
    browser.visit(f"{server.url}lab?reset&token={server.token}", script)
    ready = f"document.querySelector('{LISTING}') && document.querySelector('{TAB}')"
    browser.wait(f"!!({ready}) && !document.querySelector('#jupyterlab-splash')", 60)
    time.sleep(REST)


def wait_for_file(path: Path, seconds: float) -> None:
    """Wait until a file stands at `path`. Raises `BrokenError` after `seconds`."""
    limit = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > limit:
            raise BrokenError(f"{path.name} did not arrive in {seconds:.0f} s")
        time.sleep(0.002)
