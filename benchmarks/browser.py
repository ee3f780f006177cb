"""A real Chromium that uploads, driven over its debugging protocol.

The raw client of client/ shows what the servers can do; this shows what a person gets, with what
the browser itself pays: for the stock way it reads, encodes and stringifies each MiB.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import websocket

from .harness import BrokenError, MissingError, tree_cpu
from .processes import HERE, end

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
]
START_LIMIT = 60
"""Seconds Chromium may take to start."""


class Browser:
    """One page of one Chromium. Raises `MissingError` where there is none."""

    def __init__(self, folder: Path) -> None:
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            raise MissingError("chromium is not installed")
        profile = folder / "chromium"
        profile.mkdir()
        flags = [*FLAGS, f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        self.program = program
        self.process = subprocess.Popen(
            [program, *flags, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._numbers = itertools.count(1)
        try:
            self._connection = self._connect(profile / "DevToolsActivePort")
            target = self._call("Target.createTarget", url="about:blank")["targetId"]
            answer = self._call("Target.attachToTarget", targetId=target, flatten=True)
            self._session: str | None = answer["sessionId"]
        except BaseException:
            end(self.process)
            raise

    def _connect(self, file: Path) -> websocket.WebSocket:
        self._session = None
        limit = time.monotonic() + START_LIMIT
        while not file.exists() or file.read_text().count("\n") < 1:
            if self.process.poll() is not None or time.monotonic() > limit:
                raise BrokenError("chromium did not start")
            time.sleep(0.05)
        port, path = file.read_text().split()
        return websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=600)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        end(self.process)

    @property
    def version(self) -> str:
        """Name and version."""
        answer = subprocess.run(
            [self.program, "--version"], capture_output=True, text=True, check=False
        )
        return answer.stdout.strip()

    def cpu(self) -> float:
        """CPU seconds of all its processes so far."""
        return tree_cpu(self.process.pid)

    def open(self, server: str, file: Path) -> None:
        """Open a page of the server, so that uploads to it are same-origin, and choose `file`."""
        # Any page will do: its 404 carries no policy, unlike the API's, and never redirects.
        url = f"{server}benchmark-{next(self._numbers)}"
        self._call("Page.enable")
        self._call("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")
        make = "document.body.innerHTML = '<input type=file id=benchmark>'"
        self.evaluate(f"{make};\n{(HERE / 'browser.js').read_text()}")
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector="#benchmark")["nodeId"]
        self._call("DOM.setFileInputFiles", files=[str(file)], nodeId=node)

    def upload(self, way: str, **order: Any) -> dict[str, Any]:
        """Call a function of browser.js: its result. Raises `BrokenError`."""
        result: dict[str, Any] = self.evaluate(f"{way}({json.dumps(order)})")
        return result

    def visit(self, url: str, script: str) -> None:
        """Go to a page in which `script` runs before anything else."""
        self._call("Page.enable")
        added = self._call("Page.addScriptToEvaluateOnNewDocument", source=script)
        self._call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")
        number = added["identifier"]
        self._call("Page.removeScriptToEvaluateOnNewDocument", identifier=number)

    def drop(self, selector: str, paths: list[Path]) -> None:
        """Let go of files and folders over an element, as a person does: Chromium itself makes the
        DataTransfer with its file system entries."""
        x, y = self._middle(selector)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def click(self, selector: str) -> None:
        """Press and release the mouse over an element."""
        x, y = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            more = {"button": "left", "clickCount": 1}
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def heap(self, *, collected: bool = False) -> int:
        """Bytes that the page's scripts hold; with `collected` the garbage is taken out first."""
        if collected:
            self._call("HeapProfiler.collectGarbage")
        usage = self._call("Runtime.getHeapUsage")
        # What lies outside of V8's own heap: buffers, and the objects of the page.
        beside = ("embedderHeapUsedSize", "backingStorageSize")
        return int(usage["usedSize"] + sum(usage.get(name, 0) for name in beside))

    def _middle(self, selector: str) -> list[float]:
        place: list[float] | None = self.evaluate(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)})"
            "?.getBoundingClientRect();"
            " return box && [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        if place is None:
            raise BrokenError(f"the page has no {selector}")
        return place

    def wait(self, condition: str, limit: float = 30) -> None:
        """Wait until an expression is true in the page. Raises `BrokenError` after `limit`
        seconds."""
        end_of_patience = time.monotonic() + limit
        while not self.evaluate(condition):
            if time.monotonic() > end_of_patience:
                raise BrokenError(f"the page did not come to {condition[:80]}")
            time.sleep(0.02)

    def evaluate(self, code: str) -> Any:
        """The value of an expression in the page. Raises `BrokenError` for what it throws."""
        answer = self._call(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrokenError(str(details.get("exception", details).get("description", details)))
        return answer["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._connection.send(json.dumps(message))
        while True:
            answer = json.loads(self._connection.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrokenError(f"{method}: {answer['error'].get('message')}")
                result: dict[str, Any] = answer["result"]
                return result
