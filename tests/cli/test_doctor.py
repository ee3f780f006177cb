"""``jupyter transfer doctor``: each line is true, also of a machine that is not well."""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from packaging.requirements import Requirement

from jupyter_transfer.cli.health import extension, network, parts, places
from jupyter_transfer.cli.health.finding import Finding


class Clock(BaseHTTPRequestHandler):
    """Tells a time that is wrong by as many seconds as the path says, and counts as a proxy."""

    def do_HEAD(self) -> None:
        wrong = int(self.path.rpartition("/")[2] or 0)
        self.send_response_only(204)
        self.send_header("Date", formatdate(time.time() + wrong, usegmt=True))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def clock() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Clock)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def of(findings: list[Finding], name: str) -> Finding:
    (found,) = [finding for finding in findings if finding.name == name]
    return found


# ---- the command --------------------------------------------------------------------------------


def test_a_machine_that_is_well(shell, nginx):
    (nginx.files / "doctor.txt").write_text("x")
    done = shell.run("doctor", "--json", f"{nginx.url}/doctor.txt")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout
    assert {one["topic"] for one in found} == {
        "versions",
        "optional",
        "Jupyter",
        "places",
        "network",
        "services",
    }
    states = {one["name"]: one["state"] for one in found}
    assert states["working folder"] == states["pycurl"] == states["libcurl"] == "ok"
    assert states[f"{nginx.url}/doctor.txt"] == states["clock"] == "ok"
    bad = [one for one in found if one["state"] in ("failed", "missing")]
    assert all(one["remedy"] for one in bad)
    assert shell.names() == []


def test_what_wants_credentials(nginx):
    found = network._looked_at(f"{nginx.url}/private/x", None)
    assert (found.state, "asks for credentials" in found.text) == ("warning", True)


def test_what_cannot_be_reached(shell):
    done = shell.run("doctor", "--quiet", "http://127.0.0.1:9/", "nothing-there")
    assert done.returncode == 1
    assert "✗ 127.0.0.1" in done.stdout
    assert "✗ nothing-there" in done.stdout
    assert "Python" not in done.stdout


# ---- parts --------------------------------------------------------------------------------------


def test_every_extra_has_a_purpose():
    assert parts.extras() <= set(parts.OPTIONAL)


@pytest.mark.parametrize("text", ["no-such-package-here>=1", "click>=999"])
def test_a_package_that_is_missing_or_too_old(text):
    found = parts._required(Requirement(text))
    assert found.state == "failed"
    assert f'pip install "{text}"' in found.remedy


def test_an_extra_that_is_missing(monkeypatch):
    monkeypatch.setattr(parts, "requires", lambda _: ['hf_xet>=999; extra == "huggingface"'])
    monkeypatch.setattr(parts, "extras", lambda: frozenset({"huggingface"}))
    found = of(list(parts.optional()), "huggingface")
    assert (found.state, "hf_xet" in found.text) == ("missing", True)
    assert 'pip install "jupyter_transfer[huggingface]"' in found.remedy


def test_a_program_that_says_nothing(tmp_path):
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\n")
    silent.chmod(0o755)
    found = parts._program("git", lambda: str(silent), "repositories")
    assert (found.state, found.text) == ("ok", "of an unknown version: repositories")


@pytest.mark.parametrize(
    "address",
    ["http://[::1", "s3://[x", "https:///x?token=canary-77", "https://u:canary-77@/x"],
)
def test_an_address_that_is_none(no_proxies, address):
    found = list(network.network([address], None))
    assert any(one.state == "failed" for one in found)
    assert "canary-77" not in repr(found)


def test_a_program_that_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    parts.git_program.lfs_program.cache_clear()
    try:
        found = of(list(parts.optional()), "git-lfs")
    finally:
        parts.git_program.lfs_program.cache_clear()
        parts.git_program.program.cache_clear()
        parts.rclone_program.program.cache_clear()
    assert found.state == "missing"
    assert "git-lfs" in found.remedy


# ---- Jupyter -------------------------------------------------------------------------------------


def test_the_extension_and_its_panel(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path / "config"))
    monkeypatch.setattr(extension, "PANEL", ("of-the-tests", "package.json"))
    monkeypatch.setattr(extension, "NAME", "of_the_tests")
    enabled, panel = extension.extension()
    assert (enabled.state, panel.state) == ("missing", "missing")
    config = tmp_path / "config" / "jupyter_server_config.d"
    config.mkdir(parents=True)
    extensions = {"ServerApp": {"jpserver_extensions": {"of_the_tests": True}}}
    (config / "of_the_tests.json").write_text(json.dumps(extensions))
    there = tmp_path / "share" / "labextensions" / "of-the-tests"
    there.mkdir(parents=True)
    (there / "package.json").write_text("{}")
    enabled, panel = extension.extension()
    assert (enabled.state, panel.state) == ("ok", "ok")
    assert str(there) in panel.text


# ---- places -------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_to():
    """Not by its mode, which root may ignore: nobody makes a file in /proc."""
    writable, *_ = places._folder("x", "/proc")
    assert writable.state == "failed"


def test_a_folder_that_is_full(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        writable, *_ = places._folder("x", str(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert writable.state == "failed"
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_to_be_made(tmp_path):
    writable, space, kind = places._folder("x", str(tmp_path / "a" / "b"))
    assert (writable.state, kind.state) == ("ok", "ok")
    assert "will be made" in writable.text
    assert "free" in space.text
    assert "unknown" not in kind.text
    assert os.listdir(tmp_path) == []


def test_a_folder_where_a_file_stands(tmp_path):
    (tmp_path / "a").write_text("x")
    (finding,) = places._folder("x", str(tmp_path / "a"))
    assert finding.state == "failed"
    assert "is not a folder" in finding.text


def test_a_working_folder_that_was_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    found = of(list(places.places()), "working folder")
    assert (found.state, "removed" in found.text) == ("failed", True)


def test_few_open_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (places.FEW_FILES - 1, hard))
    try:
        found = places._open_files()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.state == "warning"
    assert "ulimit" in found.remedy


# ---- network ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "state", "text"),
    [
        (0, "ok", "as that of"),
        (30, "ok", "behind"),
        (300, "warning", "behind"),
        (-4000, "failed", "ahead"),
    ],
)
def test_the_clock(no_proxies, clock, wrong, state, text):
    found, ahead = network._called(f"{clock}/{wrong}", None, asked=True)
    assert found.state == "ok"
    assert ahead is not None
    told = network._clock(ahead, "host")
    assert (told.state, text in told.text) == (state, True)


def test_a_proxy_is_named_without_its_password(monkeypatch, no_proxies, clock):
    monkeypatch.setenv("http_proxy", clock.replace("//", "//me:top-secret@"))
    found, _ = network._called("http://nowhere.invalid/0", None, asked=True)
    assert found.state == "ok"
    assert f"by the proxy {clock}" in found.text
    assert "top-secret" not in found.text


def test_a_name_that_nobody_knows(no_proxies):
    found, _ = network._called("http://nowhere.invalid/0", None, asked=False)
    assert found.state == "warning"


def test_a_file_without_authorities(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    (found,) = network.network([], str(tmp_path / "ca.pem"))
    assert (found.name, found.state) == ("authorities", "failed")
    (missing,) = network.network([], str(tmp_path / "none.pem"))
    assert missing.state == "failed"
