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
        self._until(f"location.href === {json.dumps(url)} && document.readyState")
        make = "document.body.innerHTML = '<input type=file id=benchmark>'"
        self._evaluate(f"{make};\n{(HERE / 'browser.js').read_text()}")
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector="#benchmark")["nodeId"]
        self._call("DOM.setFileInputFiles", files=[str(file)], nodeId=node)

    def upload(self, way: str, **order: Any) -> dict[str, Any]:
        """Call a function of browser.js: its result. Raises `BrokenError`."""
        result: dict[str, Any] = self._evaluate(f"{way}({json.dumps(order)})")
        return result

    def _until(self, condition: str) -> None:
        limit = time.monotonic() + 30
        while self._evaluate(condition) != "complete":
            if time.monotonic() > limit:
                raise BrokenError("the page did not load")
            time.sleep(0.02)

    def _evaluate(self, code: str) -> Any:
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
