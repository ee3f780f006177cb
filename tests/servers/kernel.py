"""A real IPython kernel that cells are run in, one after the other, and that can be interrupted."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

Output = dict[str, Any]


@dataclass
class Cell:
    """What became of a cell: `outputs` as a front end shows them, `sent` all that it was sent."""

    outputs: list[Output] = field(default_factory=list)
    sent: list[Output] = field(default_factory=list)
    error: str | None = None

    @property
    def text(self) -> str:
        """All that can be read in the outputs."""
        parts: list[str] = []
        for output in self.outputs:
            parts += [output.get("text", ""), *map(str, output.get("data", {}).values())]
            parts += output.get("traceback", [])
        return "\n".join(parts)

    def data(self, mime: str) -> list[Any]:
        """What is there of a MIME type."""
        found = (output.get("data", {}).get(mime) for output in self.outputs)
        return [one for one in found if one is not None]


class Kernel:
    """A running kernel."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client
        self._shown: dict[str, Output] = {}
        self._seen: dict[str, list[Output]] = {}

    def run(self, code: str, timeout: float = 60) -> Cell:
        """Run a cell to its end."""
        return self.end(self.begin(code), timeout)

    def begin(self, code: str) -> str:
        """Run a cell; `end` gives what becomes of it."""
        id: str = self._client.execute(code)
        return id

    def end(self, id: str, timeout: float = 60) -> Cell:
        """The cell when it has ended."""
        cell = Cell(self._seen.pop(id, []))
        deadline = time.monotonic() + timeout
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=1)
            except queue.Empty:
                assert time.monotonic() < deadline, f"the cell goes on: {cell.text}"
                continue
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != id:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                return cell
            if kind in ("stream", "display_data", "execute_result", "error", "update_display_data"):
                cell.sent.append(content)
            display = content.get("transient", {}).get("display_id")
            if kind == "update_display_data":
                self._shown[display].update(content)
            elif kind in ("stream", "display_data", "execute_result", "error"):
                cell.outputs.append({**content, "output_type": kind})
                self._shown[display] = cell.outputs[-1]
            if kind == "error":
                cell.error = content["ename"]

    def shows(self, id: str, mime: str, timeout: float = 30) -> Any:
        """The first thing of a MIME type that the cell `id` shows, while it goes on."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self._client.get_iopub_msg(timeout=timeout)
            data = message["content"].get("data", {})
            if message["parent_header"].get("msg_id") == id and mime in data:
                shown = {**message["content"], "output_type": message["msg_type"]}
                self._shown[message["content"]["transient"].get("display_id")] = shown
                self._seen.setdefault(id, []).append(shown)
                return data[mime]
        raise AssertionError("nothing of that type is shown")

    def ask(self, target: str, data: Output, *messages: Output) -> Output:
        """What the kernel says first on a new comm, on which `messages` are sent then."""
        comm = uuid4().hex
        session, channel = self._client.session, self._client.shell_channel
        opened = {"comm_id": comm, "target_name": target, "data": data}
        channel.send(session.msg("comm_open", opened))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = self._client.get_iopub_msg(timeout=30)
            content = message["content"]
            if message["msg_type"] in ("comm_msg", "comm_close") and content["comm_id"] == comm:
                for one in messages:
                    channel.send(session.msg("comm_msg", {"comm_id": comm, "data": one}))
                return dict(content["data"])
        raise AssertionError("the kernel does not answer")

    def interrupt(self) -> None:
        """As the button of a notebook does."""
        self._manager.interrupt_kernel()

    def complete(self, code: str) -> list[str]:
        """`code` with what the Tab key at its end would make of it."""
        reply = self._client.complete(code, len(code), reply=True, timeout=30)["content"]
        start = reply["cursor_start"]
        return [code[:start] + match for match in reply["matches"]]


@contextmanager
def running_kernel(folder: Path, **variables: str) -> Iterator[Kernel]:
    """A kernel that works in `folder`; it has ended when the block is left."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": ":".join(filter(None, paths)),
        "JUPYTER_PLATFORM_DIRS": "0",
        **variables,
    }
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env=environment)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        kernel = Kernel(manager, client)
        kernel.run("%load_ext jupyter_transfer")
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
