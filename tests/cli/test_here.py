"""Commands that run the engine themselves, against a real nginx."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import time
from pathlib import Path

import pytest
from click import Context

from jupyter_transfer.cli.main import COMMANDS, main

from ..servers.chaos import noise
from ..servers.ftp import PASSWORD, USER, running_ftp
from ..servers.git import git, running_git
from ..servers.nginx import Nginx

MIB = 1 << 20


@pytest.fixture
def site(nginx: Nginx, request: pytest.FixtureRequest) -> Path:
    """An empty folder of nginx."""
    folder = nginx.files / f"s{time.monotonic_ns()}"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def ftp(tmp_path_factory):
    with running_ftp(tmp_path_factory.mktemp("ftp")) as server:
        yield server


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


# ---- where things land --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "path"),
    [
        ("", "a.bin"),
        ("b.bin", "b.bin"),
        ("new/", "new/a.bin"),
        ("there", "there/a.bin"),
        ("new/deep/b.bin", "new/deep/b.bin"),
        (".", "a.bin"),
        ("linked", "../elsewhere/a.bin"),
        ("../elsewhere/x.bin", "../elsewhere/x.bin"),
        (".hidden/x", ".hidden/x"),
    ],
)
def test_one_file_lands_where_it_should(shell, nginx, site, destination, path):
    put(site / "a.bin", b"content")
    (shell.folder / "there").mkdir()
    (shell.folder.parent / "elsewhere").mkdir()
    (shell.folder / "linked").symlink_to(shell.folder.parent / "elsewhere")
    done = shell.run("get", f"{nginx.url}/{site.name}/a.bin", *filter(None, [destination]))
    assert done.returncode == 0, done.stderr
    assert (shell.folder / path).read_bytes() == b"content"


@pytest.mark.parametrize(
    ("destination", "path"), [("", "{site}/a"), ("into", "into/a"), (".", "a"), ("x/y", "x/y/a")]
)
def test_many_files_go_into_a_folder(shell, nginx, site, destination, path):
    put(site / "a", b"1")
    put(site / "sub" / "b", b"2")
    done = shell.run("get", f"{nginx.url}/listed/{site.name}/", *filter(None, [destination]))
    assert done.returncode == 0, done.stderr
    assert (shell.folder / path.format(site=site.name)).read_bytes() == b"1"
    assert len(shell.names()) == 2


# ---- again, and after a break -------------------------------------------------------------------


def test_again_moves_nothing(shell, nginx, site):
    put(site / "a.bin", noise(MIB))
    url = f"{nginx.url}/{site.name}/a.bin"
    assert shell.run("get", url).returncode == 0
    before = nginx.bytes_sent()
    code, job = shell.job("get", url)
    assert (code, job["state"]) == (0, "done")
    assert nginx.bytes_sent() - before < 1000
    assert shell.names() == ["a.bin"]


def test_what_changed_at_its_source_is_fetched_again(shell, nginx, site):
    put(site / "a.bin", b"old")
    url = f"{nginx.url}/{site.name}/a.bin"
    shell.run("get", url)
    (site / "a.bin").write_bytes(b"newer")
    assert shell.run("get", url).returncode == 0
    assert (shell.folder / "a.bin").read_bytes() == b"newer"


def test_what_is_not_ours_is_left_alone(shell, nginx, site):
    put(site / "a.bin", b"theirs")
    (shell.folder / "a.bin").write_bytes(b"mine")
    done = shell.run("get", f"{nginx.url}/{site.name}/a.bin")
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (shell.folder / "a.bin").read_bytes() == b"mine"
    url = f"{nginx.url}/{site.name}/a.bin"
    assert shell.run("get", url, "--conflict", "overwrite").returncode == 0
    assert (shell.folder / "a.bin").read_bytes() == b"theirs"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_fetch_goes_on_after_its_end(shell, nginx, site, how):
    data = noise(24 * MIB)
    put(site / "a.bin", data)
    url = f"{nginx.url}/slow/{site.name}/a.bin"
    process = shell.start("get", url, "--json")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["progress"]["bytes_done"] > 9 * MIB:
            break
    process.send_signal(how)
    _, stderr = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert f"goes on from here:\n  jupyter transfer get {url} --json\n" in stderr
    assert [name for name in shell.names() if ".jupyter-transfer" not in name] == []
    lines = shell.run("get", url, "--json").stdout.splitlines()
    states = [json.loads(line) for line in lines]
    assert states[-1]["state"] == "done"
    assert (shell.folder / "a.bin").read_bytes() == data
    moving = next(state for state in states if state["progress"]["bytes_done"])
    assert moving["progress"]["bytes_done"] > (9 if how == signal.SIGINT else 1) * MIB


def test_a_secret_is_not_repeated(shell, ftp):
    put(ftp.files / "long.bin", noise(24 * MIB))
    address = ftp.address("long.bin").replace("//", f"//{USER}:{PASSWORD}@")
    process = shell.start("get", address, "--json", "--bandwidth", "1M")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "goes on from here." in stderr
    assert PASSWORD not in stdout + stderr


def test_one_command_at_a_time(shell, nginx, site):
    put(site / "a.bin", noise(64 * MIB))
    url = f"{nginx.url}/slow/{site.name}/a.bin"
    first = shell.start("get", url, "--json")
    assert first.stdout is not None
    first.stdout.readline()
    second = shell.run("get", url)
    assert second.returncode == 1
    assert "Another process" in second.stderr
    first.kill()
    first.communicate()


# ---- exit codes ---------------------------------------------------------------------------------


def test_nothing_there(shell, nginx):
    done = shell.run("get", f"{nginx.url}/none")
    assert done.returncode == 1
    assert "Failed: " in done.stderr
    assert shell.names() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["get"],
        ["get", "no-address"],
        ["put", "x", "also-none"],
        ["cp", "x", "s3://b/k"],
        ["frobnicate"],
        ["get", "http://127.0.0.1/x", "--no-such-flag"],
        ["get", "http://127.0.0.1/x", "--conflict", "guess"],
        ["get", "http://127.0.0.1/x", "--token", "very-secret"],
        ["backends", "nothing"],
    ],
)
def test_a_wrong_command(shell, arguments):
    done = shell.run(*arguments)
    assert done.returncode == 2
    assert "very-secret" not in done.stderr + done.stdout


def test_some_files_fail(shell, nginx, site):
    put(site / "a", b"1")
    put(site / "b", b"2")
    (shell.folder / site.name).mkdir()
    (shell.folder / site.name / "b").write_bytes(b"mine")
    code, job = shell.job("get", f"{nginx.url}/listed/{site.name}/")
    assert (code, job["state"]) == (3, "failed")
    assert (job["progress"]["files_done"], job["progress"]["files_failed"]) == (1, 1)


def test_quiet_shows_errors_only(shell, nginx, site):
    put(site / "a", b"1")
    done = shell.run("get", f"{nginx.url}/{site.name}/a", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = shell.run("get", f"{nginx.url}/{site.name}/none", "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no such file" in done.stderr


def test_credentials_are_missing(shell, nginx, site):
    code, job = shell.job("get", f"{nginx.url}/private/x")
    assert (code, job["state"]) == (4, "waiting")
    assert job["reason"]["code"] == "needs_credentials"


def test_a_secret_comes_from_the_environment(shell, ftp):
    put(ftp.files / "a.txt", b"a")
    shell.variables["FTP_PASSWORD"] = PASSWORD
    login = ["--username", USER, "--password", "env:FTP_PASSWORD"]
    done = shell.run("get", ftp.address("a.txt"), *login)
    assert done.returncode == 0, done.stderr
    assert (shell.folder / "a.txt").read_bytes() == b"a"
    kept = b"".join(p.read_bytes() for p in shell.home.rglob("*") if p.is_file())
    assert PASSWORD.encode() not in kept


def test_plain_lines_where_no_terminal_is(shell, nginx, site):
    put(site / "a.bin", noise(2 * MIB))
    shell.variables |= {"TERM": "xterm-256color", "FORCE_COLOR": "1"}
    done = shell.run("get", f"{nginx.url}/slow/{site.name}/a.bin")
    assert (done.returncode, done.stdout) == (0, "")
    assert not {"\x1b", "\r", "━"} & set(done.stderr)
    first, *_, last = done.stderr.splitlines()
    assert "a.bin" in first
    assert last.startswith("Done: 2.0 MiB of 2.0 MiB")


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"completion"}))
def test_every_command_can_tell_it_to_a_program(name):
    command = main.get_command(Context(main), name)
    assert command is not None
    assert any("--json" in one.opts for one in command.params)


# ---- the other verbs ----------------------------------------------------------------------------


def test_put_and_again(shell, ftp):
    put(shell.folder / "tree" / "a", b"1")
    put(shell.folder / "tree" / "sub" / ".b", b"2")
    shell.variables["FTP_PASSWORD"] = PASSWORD
    login = ["--username", USER, "--password", "env:FTP_PASSWORD"]
    done = shell.run("put", "tree", ftp.address("sent"), *login)
    assert done.returncode == 0, done.stderr
    assert (ftp.files / "sent" / "sub" / ".b").read_bytes() == b"2"
    code, job = shell.job("put", "tree", ftp.address("sent"), *login)
    assert (code, job["progress"]["bytes_done"]) == (0, 2)


def test_a_sync_asks_before_it_deletes(shell, ftp):
    put(ftp.files / "five" / "a", b"1")
    put(shell.folder / "five" / "x", b"x")
    shell.variables["FTP_PASSWORD"] = PASSWORD
    arguments = ["sync", ftp.address("five"), "five", "--username", USER]
    arguments += ["--password", "env:FTP_PASSWORD"]
    planned = shell.run(*arguments, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "to delete: 1 file" in planned.stdout
    code, job = shell.job(*arguments)
    assert (code, job["state"], job["reason"]["code"]) == (4, "waiting", "needs_decision")
    assert shell.names() == ["five/x"]
    assert shell.run(*arguments, "--yes").returncode == 0
    assert shell.names() == ["five/a"]


def test_a_yes_is_not_good_for_most_of_the_files(shell, ftp):
    """And typed again it is no answer to what was shown."""
    put(ftp.files / "six" / "a", b"1")
    for number in range(11):
        put(shell.folder / "six" / f"x{number:02}", b"x")
    shell.variables["FTP_PASSWORD"] = PASSWORD
    arguments = ["sync", ftp.address("six"), "six", "--username", USER]
    arguments += ["--password", "env:FTP_PASSWORD", "--yes"]
    for _ in range(2):
        ended = shell.run(*arguments)
        assert ended.returncode == 4, ended.stderr
        assert "11 of the 11 files at the destination would be deleted" in ended.stderr
        assert "set “max_delete” to 11 or more" in ended.stderr
        assert len(shell.names()) == 11
    assert shell.run(*arguments, "--max-delete", "11").returncode == 0
    assert shell.names() == ["six/a"]


def test_ls(shell, ftp):
    put(ftp.files / "listed" / "a.txt", b"12345")
    (ftp.files / "listed" / "sub").mkdir()
    shell.variables["FTP_PASSWORD"] = PASSWORD
    login = ["--username", USER, "--password", "env:FTP_PASSWORD"]
    done = shell.run("ls", ftp.address("listed/"), *login)
    assert sorted(line.split()[-1] for line in done.stdout.splitlines()) == ["a.txt", "sub/"]
    listed = shell.run("ls", ftp.address("listed/"), "--json", *login)
    assert {json.loads(line)["path"] for line in listed.stdout.splitlines()} == {"a.txt", "sub/"}


def test_the_flags_of_a_backend(shell):
    done = shell.run("backends", "s3")
    assert "--endpoint" in done.stdout
    names = [
        json.loads(line)["name"] for line in shell.run("backends", "--json").stdout.splitlines()
    ]
    assert {"http", "s3", "ftp", "sftp", "rclone"} <= set(names)


def test_a_plan_moves_nothing(shell, nginx, site):
    put(site / "a", b"1234")
    done = shell.run("get", f"{nginx.url}/{site.name}/a", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "To copy: 1 file" in done.stdout
    assert shell.names() == []


def test_a_look_at_what_a_clone_would_push(shell, tmp_path):
    shell.variables |= {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org"}
    with running_git(tmp_path / "git") as server:
        repository = server.repository("x")
        repository.commit({"a.txt": b"one\n"})
        git(shell.folder, "clone", "-q", repository.url, "clone")
        (shell.folder / "clone" / "a.txt").write_bytes(b"two\n")
        arguments = ["put", "clone", repository.address, "--commit-message", "Two", "--paths", "."]
        done = shell.run(*arguments, "--dry-run")
        assert done.returncode == 0, done.stderr
        assert "to replace: 1" in done.stdout
        assert "To push to the branch main: 1 commit; of LFS: 0 objects" in done.stdout
        assert git(repository.bare, "rev-list", "--count", "main") == "1"


# ---- a terminal ---------------------------------------------------------------------------------


def at_terminal(shell, *arguments: str, answers: dict[bytes, bytes] | None = None):
    """Exit code of a command at a terminal of 60 columns, and all that it wrote; each of `answers`
    is typed when its question has been seen."""
    shell.variables |= {"COLUMNS": "60", "TERM": "xterm"}
    ours, theirs = pty.openpty()
    process = shell.start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen, left = b"", dict(answers or {})
    while select.select([ours], [], [], 30)[0]:
        try:
            seen += os.read(ours, 65536)
        except OSError:
            break
        for question in [question for question in left if question in seen]:
            os.write(ours, left.pop(question))
    os.close(ours)
    return process.wait(), seen.decode()


@pytest.mark.parametrize(("answer", "code", "names"), [(b"y\n", 0, ["q/a"]), (b"n\n", 4, ["q/x"])])
def test_a_question_is_answered_at_the_terminal(shell, ftp, answer, code, names):
    put(ftp.files / "q" / "a", b"1")
    put(shell.folder / "q" / "x", b"x")
    arguments = ["sync", ftp.address("q"), "q", "--username", USER, "--password", "-"]
    answers = {b"password: ": PASSWORD.encode() + b"\n", b"Go on?": answer}
    exit_code, seen = at_terminal(shell, *arguments, answers=answers)
    assert exit_code == code, seen
    assert "delete  q/x" in seen or "delete  x" in seen
    assert PASSWORD not in seen
    assert shell.names() == names


def test_a_bar_fits_a_narrow_terminal(shell, nginx, site):
    put(site / "a-file-with-a-rather-long-name-for-sixty-columns.bin", noise(4 * MIB))
    url = f"{nginx.url}/slow/{site.name}/a-file-with-a-rather-long-name-for-sixty-columns.bin"
    code, text = at_terminal(shell, "get", url)
    assert code == 0, text
    assert "Done: 4.0 MiB of 4.0 MiB" in text
    bars = [line for line in text.replace("\r", "\n").split("\n") if "━" in line or "╸" in line]
    assert bars
    plain = [_without_escapes(line) for line in bars]
    assert max(len(line.rstrip()) for line in plain) <= 60


def _without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_credentials_that_lie_around_are_the_persons_own(shell, ftp):
    put(ftp.files / "own.bin", b"x" * 100)
    (shell.home / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    code, job = shell.job("get", ftp.address("own.bin"))
    assert (code, job["state"]) == (0, "done")
    assert "own.bin" in shell.run("ls", ftp.address()).stdout
