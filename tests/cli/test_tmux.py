"""A person at a terminal of 60 columns, which tmux draws: the bar, Ctrl-C, and going on."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator

import pytest

from ..servers.chaos import noise
from .conftest import COMMAND, Shell

MIB = 1 << 20
WIDTH = 60


class Tmux:
    """A session of a tmux of its own."""

    def __init__(self, shell: Shell, socket: str) -> None:
        self._base = ["tmux", "-S", socket, "-f", "/dev/null"]
        environment = shell.environment() | {"PS1": "$ ", "ENV": ""}
        environment |= {"COLUMNS": "200"}  # what some shells have exported once
        environment.pop("TMUX", None)
        size = ["-x", str(WIDTH), "-y", "30"]
        subprocess.run(
            [*self._base, "new-session", "-d", *size, "-c", str(shell.folder), "sh"],
            env=environment,
            check=True,
        )

    def keys(self, *keys: str) -> None:
        subprocess.run([*self._base, "send-keys", *keys], check=True)

    def screen(self, *flags: str) -> str:
        command = [*self._base, "capture-pane", "-p", *flags]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def shows(self, text: str, *flags: str) -> str:
        """The screen, once `text` is on it."""
        end = time.monotonic() + 40
        while text not in (screen := self.screen(*flags)):
            assert time.monotonic() < end, screen
            time.sleep(0.05)
        return screen

    def close(self) -> None:
        subprocess.run([*self._base, "kill-server"], check=True)


@pytest.fixture
def tmux(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    running = Tmux(shell, str(tmp_path_factory.mktemp("t") / "s"))
    yield running
    running.close()


def test_ctrl_c_and_again(tmux, shell, nginx):
    name = "a-file-with-a-rather-long-name-for-sixty-columns-of-a-terminal.bin"
    (nginx.files / name).write_bytes(noise(16 * MIB))
    line = shlex.join([*COMMAND, "get", f"{nginx.url}/slow/{name}"])
    tmux.keys(line, "Enter")
    moving = tmux.shows("MiB of 16.0 MiB")
    bars = [row for row in moving.splitlines() if "━" in row or "╸" in row]
    assert len(bars) == 1, moving  # drawn in its place, never wrapped
    tmux.keys("C-c")
    stopped = tmux.shows("goes on from here:", "-J")
    assert f"  jupyter transfer get {nginx.url}/slow/{name}" in stopped
    assert "━" not in stopped
    assert not (shell.folder / name).exists()
    tmux.keys("clear; " + line, "Enter")
    done = tmux.shows("Done: 16.0 MiB of 16.0 MiB")
    assert "━" not in done
    assert (shell.folder / name).read_bytes() == noise(16 * MIB)
