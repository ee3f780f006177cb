"""Commands that drive a real Jupyter server, which is found as ``jupyter server list`` does."""

from __future__ import annotations

import json
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_transfer import Client
from jupyter_transfer.errors import TransferError
from jupyter_transfer.servers import Server

from ..archives.making import archive
from ..servers.chaos import noise
from ..servers.jupyter import TOKEN, JupyterServer, running_jupyter
from .conftest import Shell

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_jupyter(tmp_path_factory.mktemp("jupyter")) as running:
        yield running


@pytest.fixture
def there(server: JupyterServer, tmp_path: Path) -> Shell:
    """A terminal in a folder of the server."""
    folder = server.root / f"f{time.monotonic_ns()}"
    folder.mkdir()
    (tmp_path / "home").mkdir(exist_ok=True)
    variables = {"JUPYTER_RUNTIME_DIR": str(server.work / "runtime")}
    return Shell(folder, tmp_path / "home", variables)


@pytest.fixture
def client(server: JupyterServer) -> Client:
    return Client(server.url.removesuffix("jupyter-transfer/"), TOKEN)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_a_fetch_runs_on_the_server(there, server, nginx, client):
    put(nginx.files / "one.bin", b"one")
    done = there.run("get", f"{nginx.url}/one.bin")
    assert done.returncode == 0, done.stderr
    assert (there.folder / "one.bin").read_bytes() == b"one"
    (job,) = [job for job in client.jobs() if job.data["destination"].startswith(there.folder.name)]
    assert (job.state, job.kind) == ("done", "fetch")


def test_many_files_get_a_folder_of_their_own(there, nginx):
    folder = nginx.files / f"many{time.monotonic_ns()}"
    folder.mkdir()
    put(folder / "a", b"1")
    put(folder / "b", b"2")
    done = there.run("get", f"{nginx.url}/listed/{folder.name}/")
    assert done.returncode == 0, done.stderr
    assert there.names() == [f"{folder.name}/a", f"{folder.name}/b"]


def test_a_folder_that_the_server_does_not_have(there, shell, nginx):
    put(nginx.files / "two.bin", b"two")
    shell.variables |= there.variables
    assert shell.run("get", f"{nginx.url}/two.bin").returncode == 0  # here, then
    assert shell.names() == ["two.bin"]


def test_the_named_server_must_do_it(there, shell, server, nginx):
    shell.variables |= there.variables
    url = server.url.removesuffix("jupyter-transfer/")
    done = shell.run("get", f"{nginx.url}/two.bin", "--server", url)
    assert done.returncode == 1
    assert "does not serve this folder" in done.stderr
    assert shell.run("jobs", "--server", "http://127.0.0.1:9/").returncode == 1


def test_a_token_in_a_file(there, shell, server):
    url = server.url.removesuffix("jupyter-transfer/")
    assert shell.run("jobs", "--server", url).returncode == 1  # found by nobody: no token
    token = put(shell.home / "token", TOKEN.encode() + b"\n")
    done = shell.run("jobs", "--server", url, "--token-file", str(token))
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_a_server_of_a_jupyterhub(shell, server):
    """It is listed without a token; that of the hub, which it takes, is a variable."""
    (info,) = (server.work / "runtime").glob("jpserver-*.json")
    listed = {**json.loads(info.read_text()), "token": ""}
    (shell.home / "runtime").mkdir(parents=True)
    (shell.home / "runtime" / info.name).write_text(json.dumps(listed))
    refused = shell.run("jobs")
    assert refused.returncode == 1
    assert "--token-file" in refused.stderr, refused.stderr
    shell.variables["JUPYTERHUB_API_TOKEN"] = TOKEN
    done = shell.run("jobs")
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_the_jobs_are_listed_and_acted_on(there, nginx, client):
    put(nginx.files / "slow.bin", noise(64 * MIB))
    job = client.get(f"{nginx.url}/slow/slow.bin", f"{there.folder.name}/", bandwidth="1M")
    short = job.id[:8]
    listed = there.run("jobs")
    assert short in listed.stdout
    assert there.run("pause", short).returncode == 0
    assert job.refresh().state == "paused"
    assert there.run("resume", short).returncode == 0
    code, data = there.job("cancel", short)
    assert (code, data["state"]) == (0, "cancelled")
    shown = there.run("show", short)
    assert "Cancelled" in shown.stdout
    assert there.run("pause", "ffffffff").returncode == 1


def test_ctrl_c_leaves_the_job_to_the_server(there, nginx, client):
    put(nginx.files / "long.bin", noise(64 * MIB))
    flags = ["--json", "--bandwidth", "1M", "--retries", "2"]
    process = there.start("get", f"{nginx.url}/slow/long.bin", *flags)
    assert process.stdout is not None
    id = json.loads(process.stdout.readline())["id"]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"jupyter transfer cancel {id[:8]}" in stderr
    job = client.job(id)
    assert job.state in ("queued", "running")
    assert job.data["options"]["max_retries"] == 2
    job.cancel()


def test_a_server_that_restarts_meanwhile(tmp_path, nginx):
    put(nginx.files / "again.bin", noise(24 * MIB))
    with running_jupyter(tmp_path / "jupyter") as server:
        (tmp_path / "home").mkdir()
        variables = {"JUPYTER_RUNTIME_DIR": str(server.work / "runtime")}
        shell = Shell(server.root, tmp_path / "home", variables)
        process = shell.start("get", f"{nginx.url}/slow/again.bin", "--json")
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["progress"]["bytes_done"] > MIB:
                break
        server.kill()
        server.start()
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        assert json.loads(stdout.splitlines()[-1])["state"] == "done"
        assert (server.root / "again.bin").read_bytes() == noise(24 * MIB)


# ---- from Python --------------------------------------------------------------------------------


def test_the_client(there, server, nginx, client):
    put(nginx.files / "three.bin", b"three")
    seen = []
    job = client.get(f"{nginx.url}/three.bin", f"{there.folder.name}/x.bin")
    assert job.wait(timeout=30, on_progress=seen.append) is job
    assert (job.state, seen[-1]["state"]) == ("done", "done")
    assert [file["path"] for file in job.files()] == [f"{there.folder.name}/x.bin"]
    assert client.probe(f"{nginx.url}/three.bin")["bytes"] == 5
    assert client.plan("fetch", f"{nginx.url}/three.bin", "y")["plan"]["copy"] == 1
    assert "s3" in {backend["name"] for backend in client.backends()}
    job.forget()
    with pytest.raises(TransferError, match="no such job"):
        client.job(job.id)


def test_a_failure_is_raised(nginx, client):
    job = client.get(f"{nginx.url}/not-there")
    with pytest.raises(TransferError) as caught:
        job.wait(timeout=30)
    assert caught.value.code == "remote_not_found"


def test_a_wait_that_is_too_long(nginx, client, there):
    put(nginx.files / "slow2.bin", noise(32 * MIB))
    job = client.get(f"{nginx.url}/slow/slow2.bin", f"{there.folder.name}/", bandwidth=100_000)
    with pytest.raises(TimeoutError):
        job.wait(timeout=0.5)
    job.cancel()


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_stranger(server, token):
    client = Client(Server(server.url.removesuffix("jupyter-transfer/"), token))
    with pytest.raises(TransferError) as caught:
        list(client.jobs())
    assert caught.value.code == "forbidden"
    assert "wrong" not in repr(client.server)


def test_no_server(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(TransferError, match="No Jupyter server"):
        Client()


def test_the_doctor_sees_the_server(there, server):
    done = there.run("doctor", "--json", "nowhere")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    (seen,) = [one for one in found if "services" in one["text"]]
    assert (seen["state"], "has this extension" in seen["text"]) == ("ok", True), seen
    assert TOKEN not in done.stdout


# ---- archives ----


def test_an_archive_is_extracted_and_made(there, client):
    put(there.folder / "x.zip", archive("zip", {"a.txt": b"1", "sub/b.bin": noise(50_000)}))
    done = there.run("extract", "x.zip")
    assert done.returncode == 0, done.stderr
    assert there.names() == ["x.zip", "x/a.txt", "x/sub/b.bin"]
    folder = there.folder.name
    (job,) = [job for job in client.jobs() if job.data["source"] == f"{folder}/x.zip"]
    assert (job.kind, job.state, job.verified) == ("extract", "done", True)
    assert job.data["destination"] == f"{folder}/x"
    done = there.run("archive", "x", "x.zip", "-o", "y.tar")
    assert done.returncode == 0, done.stderr
    assert (there.folder / "y.tar").stat().st_size > 50_000


def test_archives_by_the_client(there, client):
    folder = there.folder.name
    (there.folder / "x").mkdir()
    (there.folder / "y").mkdir()
    put(there.folder / "x/a", b"1")
    put(there.folder / "y/b", b"2")
    job = client.archive([f"{folder}/x", f"{folder}/y"], f"{folder}/both.zip").wait(30)
    assert job.state == "done"
    with zipfile.ZipFile(there.folder / "both.zip") as made:
        assert sorted(made.namelist()) == ["x/", "x/a", "y/", "y/b"]
    job = client.extract(f"{folder}/both.zip").wait(30)
    assert {row["path"]: row["state"] for row in job.files()} == {
        f"{folder}/both/x/a": "done",
        f"{folder}/both/y/b": "done",
    }
    again = client.extract(f"{folder}/both.zip").wait(30)
    assert {row["state"] for row in again.files()} == {"present"}
    plan = client.plan("extract", f"{folder}/both.zip")
    assert plan["plan"]["skip"] == 2


def test_what_a_job_on_an_archive_may_not_ask_for(client):
    for source, destination, options, code in (
        ("../x.zip", "", {}, "invalid_path"),
        ("x.zip", "../up", {}, "invalid_path"),
        ("x.zip", "", {"max_files": 0}, "bad_request"),
        ("x.zip", "", {"encoding": "rot13"}, "bad_request"),
        ("x.zip", "", {"endpoint": "y"}, "bad_request"),
        ("x.zip", "", {"paths": ["a"]}, "bad_request"),
    ):
        with pytest.raises(TransferError) as caught:
            client.extract(source, destination, **options)
        assert caught.value.code == code, (source, options)
    with pytest.raises(TransferError) as caught:
        client.archive(["a", "../b"], "x.zip")
    assert caught.value.code == "invalid_path"
