"""Completion in the real shells: keys are typed at a terminal, and the line that results is run."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from jupyter_transfer.cli.main import main
from jupyter_transfer.cli.shells import SCRIPTS

from .conftest import Shell

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}

BEGIN = {
    "bash": "PS1=; jupyter() { printf '<%s>' \"$@\"; echo; }; . {script}; echo rea''dy\n",
    "zsh": "PS1=; RPS1=; unsetopt prompt_sp; autoload -U compinit; compinit -D -u\n"
    "jupyter() { printf '<%s>' \"$@\"; echo; }; . {script}; echo rea''dy\n",
    "fish": "function jupyter; printf '<%s>' $argv; echo; end; source {script}; echo rea''dy\n",
}


class Terminal:
    """A shell at a terminal of 200 columns."""

    def __init__(self, name: str, shell: Shell, bin: Path) -> None:
        script = bin / f"{name}.script"
        script.write_text(SCRIPTS[name])
        environment = shell.environment() | {"PATH": f"{bin}:{os.environ['PATH']}"}
        environment |= {"TERM": "dumb", "COLUMNS": "200", "LANG": "C.UTF-8"}
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(shell.folder)
            os.execvpe(SHELLS[name][0], SHELLS[name], environment)
        self.type(BEGIN[name].replace("{script}", str(script)))
        self.until("ready")

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def until(self, pattern: str, seconds: float = 30) -> str:
        """What matches `pattern`, once it is shown."""
        seen, end = "", time.monotonic() + seconds
        while not (found := re.search(pattern, seen)):
            left = end - time.monotonic()
            assert left > 0, f"no {pattern!r} in {seen!r}"
            if select.select([self._fd], [], [], left)[0]:
                seen += os.read(self._fd, 65536).decode("utf-8", "replace")
        return found[0]

    def completed(self, line: str) -> str:
        """The words of `line` as they are when it was completed: ``<word><word>``."""
        self.type(line + "\t")
        time.sleep(0.3)
        self.type("\n")
        return self.until(r"<transfer>[^\r\n]*[\r\n]").strip()

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


@pytest.fixture(params=sorted(SHELLS))
def terminal(request: pytest.FixtureRequest, shell: Shell, tmp_path: Path) -> Iterator[Terminal]:
    program = tmp_path / "jupyter-transfer"
    program.write_text(f"#!{sys.executable}\nfrom jupyter_transfer.cli.main import main\nmain()\n")
    program.chmod(0o755)
    running = Terminal(request.param, shell, tmp_path)
    yield running
    running.close()


def test_a_line_is_completed(terminal, nginx):
    folder = nginx.files / "completed"
    (folder / "below").mkdir(parents=True, exist_ok=True)
    (folder / "only one.txt").write_text("1")
    address = f"{nginx.url}/listed/completed"
    assert terminal.completed("jupyter transfer comple") == "<transfer><completion>"
    assert terminal.completed("jupyter transfer get sft") == "<transfer><get><sftp://>"
    assert terminal.completed(f"jupyter transfer get {address}/be") == (
        f"<transfer><get><{address}/below/>"
    )
    assert terminal.completed(f"jupyter transfer get {address}/onl") == (
        f"<transfer><get><{address}/only%20one.txt>"
    )


def test_the_script_is_printed():
    for name in SHELLS:
        assert CliRunner().invoke(main, ["completion", name]).stdout == SCRIPTS[name]
