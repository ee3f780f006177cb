"""Child processes: what they inherit, how they end, and that none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_transfer import tools
from jupyter_transfer.errors import TransferError
from jupyter_transfer.tools import Child, PrivateFolder, run

SHELL = "/bin/sh"


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while runs(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not runs(pid)


def test_lines_come_as_they_are_printed():
    child = Child([SHELL, "-c", "echo one; sleep 5; echo two"], {}, output=True)
    started = time.monotonic()
    assert next(child.lines(lambda: None)) == b"one"
    assert time.monotonic() - started < 3
    child.stop()


def test_a_child_has_only_the_environment_that_it_is_given():
    assert run(["/usr/bin/env"], {"A": "1"}).split() == [b"A=1"]


def test_a_child_has_no_input_and_its_own_group():
    printed = run([SHELL, "-c", "cat; echo $$; ps -o pgid= $$"], {"PATH": os.environ["PATH"]})
    own, group = (int(word) for word in printed.split())
    assert own == group != os.getpgrp()


def test_check_stops_the_reading_within_a_second():
    child = Child([SHELL, "-c", "sleep 30"], {}, output=True)
    asked = time.monotonic()

    def check() -> None:
        if time.monotonic() - asked > 0.2:
            raise TransferError("cancelled", "Stop.")

    with pytest.raises(TransferError):
        list(child.lines(check))
    child.stop()
    assert time.monotonic() - asked < 1
    assert not child.alive


def test_stop_ends_what_the_child_started_too():
    child = Child([SHELL, "-c", "sleep 60 & echo $!; wait"], {}, output=True)
    grandchild = int(next(child.lines(lambda: None)))
    child.stop(grace=0.1)
    assert gone(grandchild)


def test_stop_is_kind_first(tmp_path):
    script = f"trap 'echo bye > {tmp_path}/word; exit 0' INT; echo up; while :; do sleep 0.05; done"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here
    try:
        child = Child([SHELL, "-c", script], {}, output=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert next(child.lines(lambda: None)) == b"up"
    child.stop(grace=30)
    assert (tmp_path / "word").read_text() == "bye\n"


def test_a_child_dies_with_its_parent():
    script = (
        "import time\nfrom jupyter_transfer.tools import Child\n"
        "child = Child(['/bin/sleep', '60'], {})\nprint(child.pid, flush=True)\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert runs(pid)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert gone(pid)


def test_errors_are_parsed_and_the_last_are_kept():
    script = """printf '{"level":"error","msg":"bad  thing"}\\nplain\\n[1]\\n' >&2"""
    seen: list[dict[str, object]] = []
    child = Child([SHELL, "-c", script], {}, on_line=seen.append)
    assert child.wait() == 0
    assert seen == [{"level": "error", "msg": "bad  thing"}, {"msg": "plain"}, {"msg": "[1]"}]
    assert list(child.said) == seen
    assert tools.last_words(seen[:1]) == "bad thing"


def test_an_endless_line_is_refused(monkeypatch):
    monkeypatch.setattr(tools, "LINE_LIMIT", 1 << 16)
    child = Child([SHELL, "-c", "yes | tr -d '\\n'"], {"PATH": os.environ["PATH"]}, output=True)
    with pytest.raises(TransferError) as caught:
        list(child.lines(lambda: None))
    child.stop()
    assert caught.value.code == "remote_lied"


def test_a_program_that_is_not_there():
    with pytest.raises(TransferError) as caught:
        Child(["/nonexistent/tool"], {})
    assert caught.value.code == "tool_missing"
    assert "/nonexistent" not in caught.value.message


def test_a_program_that_fails():
    with pytest.raises(TransferError, match="oh no"):
        run([SHELL, "-c", "echo oh no >&2; exit 3"], {"PATH": os.environ["PATH"]})


def test_a_private_folder_and_the_orphans_of_others():
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    orphan = Path(tools._place()) / f"{PrivateFolder.PREFIX}{dead.pid}-x"
    orphan.mkdir(mode=0o700)
    (orphan / "rc").touch()
    living = PrivateFolder()
    other = PrivateFolder()
    assert not orphan.exists()
    assert Path(living.path).stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(living.socket("h1000"))) < 108
    for folder in (living, other):
        folder.remove()
        assert not Path(folder.path).exists()


def test_a_deep_temporary_folder_is_no_place_for_sockets(monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr(tools.tempfile, "tempdir", str(deep))
    folder = PrivateFolder()
    assert len(os.fsencode(folder.socket("h1000"))) < 108
    folder.remove()
