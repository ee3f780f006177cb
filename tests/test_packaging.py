"""The wheel alone is enough: no Node, no checkout, nothing but its dependencies.

The wheel is built from the sdist as it would be for the package index, then installed in a virtual
environment whose only link to this one is a path line at the end, for the dependencies.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from .servers.nginx import running_nginx

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

CHECKOUT = Path(__file__).parent.parent
FRONT_END = CHECKOUT / "jupyter_transfer/labextension/package.json"


def run(*command: object, **options) -> str:
    """What `command` prints on both streams; the test fails with it when the command fails."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> dict[str, str]:
    """An environment without Node, without the user's settings, without this checkout."""
    home = tmp_path_factory.mktemp("home")
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTHON", "VIRTUAL"))
    }
    return {**kept, "HOME": str(home), "PATH": str(home / "bin")}


@pytest.fixture(scope="session")
def dist(tmp_path_factory, bare) -> Path:
    """A folder with the sdist, and the wheel that was made from it without Node."""
    if not FRONT_END.exists():
        pytest.fail("The front end is not built: run `make install` first.")
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, CHECKOUT)
    run(*build, env=bare, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with running_nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture(scope="session")
def wheel(dist) -> Path:
    """The one wheel."""
    (wheel,) = dist.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def venv(tmp_path_factory, wheel) -> Path:
    """A virtual environment with the wheel; the dependencies are those of this environment."""
    venv = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    here = sysconfig.get_path("purelib")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # Read as a plain path: the .pth files in it, that of this checkout too, do not count.
    (site / "dependencies.pth").write_text(here + "\n")
    return venv


@pytest.fixture(scope="session")
def lab(venv, bare) -> dict[str, str]:
    """The environment in which the installed package runs."""
    return {**bare, "JUPYTERLAB_DIR": str(Path(sys.prefix, "share/jupyter/lab"))}


def jupyter(venv: Path, name: str, *words: str) -> tuple[object, ...]:
    """``jupyter name words…`` of `venv`, which has no scripts of its dependencies."""
    module, function = {
        "labextension": ("jupyterlab.labextensions", "main"),
        "server extension": ("jupyter_server.serverapp", "main"),
        "server": ("jupyter_server.serverapp", "main"),
        "lab": ("jupyterlab.labapp", "main"),
    }[name]
    code = f"import sys; from {module} import {function}; sys.exit({function}())"
    first = ("extension",) if name == "server extension" else ()
    return (venv / "bin/python", "-c", code, *first, *words)


def test_the_wheel_holds_package_front_end_and_settings(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    data = next(name.split("/")[0] for name in names if ".data/" in name) + "/data/"
    lab = data + "share/jupyter/labextensions/jupyter-transfer/"
    assert {"jupyter_transfer/app.py", "jupyter_transfer/py.typed"} <= set(names)
    assert lab + "package.json" in names
    assert lab + "install.json" in names
    assert lab + "schemas/jupyter-transfer/plugin.json" in names
    assert any(name.startswith(lab + "static/remoteEntry.") for name in names)
    assert data + "etc/jupyter/jupyter_server_config.d/jupyter_transfer.json" in names
    strangers = ("tests/", "ui-tests/", "labextension/", "node_modules/", "benchmarks/", "demo/")
    assert [name for name in names if name.startswith(strangers)] == []


def test_the_entry_of_the_front_end_is_there(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (
        n for n in archive.namelist() if n.endswith("labextensions/jupyter-transfer/package.json")
    )
    entry = json.loads(archive.read(name))["jupyterlab"]["_build"]["load"]
    assert name.replace("package.json", entry) in archive.namelist()


def test_the_sdist_holds_front_end_and_sources_but_no_junk(dist):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"pyproject.toml", "LICENSE", "README.md", "labextension/src/index.ts"} <= set(names)
    assert "jupyter_transfer/labextension/package.json" in names
    junk = ("node_modules/", ".yarn/", ".venv/", "demo/", "build/", "ui-tests/", ".git/")
    assert [name for name in names if name.startswith(junk)] == []


def test_no_path_of_this_machine_is_inside(wheel):
    archive = zipfile.ZipFile(wheel)
    marks = [str(CHECKOUT).encode(), str(Path.home()).encode() + b"/"]
    found = [name for name in archive.namelist() if any(m in archive.read(name) for m in marks)]
    assert [name for name in found if not name.endswith(".map")] == []


def test_the_package_comes_from_the_wheel(venv, lab):
    where = (
        "import jupyter_transfer; print(jupyter_transfer.__version__, jupyter_transfer.__file__)"
    )
    version, file = run(venv / "bin/python", "-c", where, env=lab, cwd=venv).split()
    assert version == json.loads((CHECKOUT / "package.json").read_text())["version"]
    assert Path(file).is_relative_to(venv)


def test_jupyterlab_lists_the_front_end(venv, lab):
    output = run(*jupyter(venv, "labextension", "list"), env=lab, cwd=venv)
    (line,) = (line for line in output.splitlines() if "jupyter-transfer v" in line)
    assert "enabled" in line
    assert "OK" in line
    assert str(venv / "share/jupyter/labextensions") in output


def test_the_server_extension_is_enabled(venv, lab):
    output = run(*jupyter(venv, "server extension", "list"), env=lab, cwd=venv)
    assert str(venv / "etc/jupyter") in output
    lines = [line for line in output.splitlines() if "jupyter_transfer" in line]
    assert any("enabled" in line for line in lines), output
    assert any("OK" in line for line in lines), output


def test_the_command_runs(venv, lab, tmp_path, nginx):
    (nginx.files / "installed.txt").write_text("installed")
    env = {**lab, "JUPYTER_DATA_DIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    command = venv / "bin/jupyter-transfer"
    assert "get" in run(command, "--help", env=env, cwd=tmp_path)
    run(command, "get", f"{nginx.url}/installed.txt", env=env, cwd=tmp_path)
    assert (tmp_path / "installed.txt").read_text() == "installed"


@pytest.fixture
def address(venv, lab, tmp_path):
    """The address of a JupyterLab that runs from `venv`, with its token."""
    (tmp_path / "root").mkdir()
    runtime = tmp_path / "runtime"
    command = jupyter(
        venv,
        "lab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.port=0",
        "--IdentityProvider.token=packaging",
        f"--ServerApp.root_dir={tmp_path / 'root'}",
        f"--TransferApp.state_dir={tmp_path / 'state'}",
    )
    env = {**lab, "JUPYTER_RUNTIME_DIR": str(runtime)}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(word) for word in command],
            env=env,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + 60
        while (url := address_in(runtime)) is None:
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def address_in(runtime: Path) -> str | None:
    """The address of the server that has written its file there, once it lets somebody connect."""
    files = list(runtime.glob("jpserver-*.json"))
    try:
        told = json.loads(files[0].read_text()) if files else None
    except ValueError:  # it is being written
        return None
    if told is None:
        return None
    try:
        socket.create_connection((told["hostname"], told["port"]), timeout=5).close()
    except OSError:
        return None
    return str(told["url"])


def get(url: str) -> bytes:
    """The body at `url`."""
    request = urllib.request.Request(url, headers={"Authorization": "token packaging"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read()


def test_the_server_runs_and_answers(address):
    backends = json.loads(get(address + "jupyter-transfer/backends"))["backends"]
    assert "http" in [backend["name"] for backend in backends]
    page = get(address + "lab").decode()
    assert "jupyter-transfer" in page
    entry = page.partition('"jupyter-transfer"')[0].rpartition("static/remoteEntry.")[2]
    entry = "static/remoteEntry." + entry.partition('"')[0]
    script = get(address + "lab/extensions/jupyter-transfer/" + entry)
    assert b"jupyter-transfer" in script
