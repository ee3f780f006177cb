"""Make the small folder that `make lab` opens: a few files of each kind, always the same ones.

Files that are there already are left alone, so what a person did in the folder stays.
"""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path

from jupyterlab_server.workspaces_handler import WorkspacesManager

README = """\
# A folder to try the transfers in

The panel with the two arrows on the left shows every transfer while it runs and after.

1. **Upload.** Drop files, or a whole folder, from your computer on the file browser, on one of its
   folders or on the panel.
2. **Download.** Select `measurements`, `noise.bin` and this file, right-click,
   *Download as Archive*: one zip, with its size known beforehand.
3. **Fetch.** Choose *From an address…* in the panel and paste the address of a file on the web. It
   goes on when you close this tab.
4. **Pull the plug.** Kill the server in the middle (`kill -9`), leave this page open and run
   `make lab` again: everything goes on from where it was.
"""

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "read",
            "metadata": {},
            "outputs": [],
            "source": [
                "import csv, pathlib\n",
                "\n",
                "for path in sorted(pathlib.Path('measurements').glob('*.csv')):\n",
                "    rows = list(csv.reader(path.open()))\n",
                "    print(path.name, len(rows) - 1, 'rows')",
            ],
        }
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}

MONTHS = 12
HOURS = 30 * 24
NOISE_BYTES = 64 * 1024 * 1024

WORKSPACE = {
    "data": {
        "layout-restorer:data": {
            "main": {
                "dock": {
                    "type": "tab-area",
                    "currentIndex": 0,
                    "widgets": ["markdownviewer-widget:README.md"],
                },
                "current": "markdownviewer-widget:README.md",
            },
            "left": {
                "collapsed": False,
                "visible": True,
                "current": "jp-transfers-panel",
                "widgets": ["filebrowser", "jp-transfers-panel"],
            },
        },
        "markdownviewer-widget:README.md": {
            "data": {"path": "README.md", "factory": "Markdown Preview"}
        },
    },
    "metadata": {"id": "demo"},
}


def table(month: int) -> str:
    """A month of made-up temperatures as CSV."""
    lines = ["hour,celsius"]
    for hour in range(HOURS):
        season = -12 * math.cos(2 * math.pi * (month + hour / HOURS) / MONTHS)
        day = -4 * math.cos(2 * math.pi * hour / 24)
        lines.append(f"{hour},{12 + season + day:.2f}")
    return "\n".join(lines) + "\n"


def make(folder: Path) -> None:
    """Fill `folder` with what is missing in it."""
    (folder / "measurements").mkdir(parents=True, exist_ok=True)
    texts = {"README.md": README, "measurements.ipynb": json.dumps(NOTEBOOK, indent=1)}
    texts |= {f"measurements/2026-{n + 1:02}.csv": table(n) for n in range(MONTHS)}
    for name, text in texts.items():
        if not (folder / name).exists():
            (folder / name).write_text(text)
    noise = folder / "noise.bin"
    if not noise.exists():
        noise.write_bytes(random.Random(1).randbytes(NOISE_BYTES))


def make_workspace(folder: Path) -> None:
    """A JupyterLab workspace ``demo`` that opens with the panel and the README."""
    folder.mkdir(parents=True, exist_ok=True)
    manager = WorkspacesManager(str(folder))
    if not manager.list_workspaces():
        manager.save("demo", json.dumps(WORKSPACE))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
    make_workspace(Path(sys.argv[2]))
