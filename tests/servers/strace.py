"""Faults of system calls in a living process, put there by strace."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)\(", re.MULTILINE)


class Trace:
    """What a traced process called; read it when the trace has ended."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.text = ""

    def read(self) -> None:
        self.text = self._log.read_text(errors="replace")

    def calls(self, but: int) -> Counter[str]:
        """How often each system call was begun by threads other than `but`; calls that this one
        did too are left out."""
        found = {(int(thread), name) for thread, name in _CALL.findall(self.text)}
        alone = {name for _, name in found} - {name for thread, name in found if thread == but}
        return Counter(name for _, name in _CALL.findall(self.text) if name in alone)

    @property
    def injected(self) -> int:
        """How many faults happened; a kill does not live to be noted."""
        return self.text.count("(INJECTED)")


@contextmanager
def traced(pid: int, calls: str, fault: str = "") -> Iterator[Trace]:
    """Trace the process `pid` and all its threads for the length of a ``with`` block.

    `calls` are names of system calls as for ``strace -e trace=``; to all of them happens `fault`,
    as for ``strace -e inject=``: ``error=EIO:when=3``. strace counts in each thread for itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = ["strace", "-f", "-o", str(log), "-p", str(pid), "-e", f"trace={calls}"]
        if fault:
            command += ["-e", f"inject={calls}:{fault}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert "attached" in first, first
            trace = Trace(log)
            try:
                yield trace
            finally:
                if "KILL" in fault:
                    process.kill()  # it may wait for ever for a thread that is gone
                process.terminate()
                process.communicate()
                trace.read()


def require_strace() -> None:
    """Skip the test where strace is missing or may not trace."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("this container lets no process be traced")
