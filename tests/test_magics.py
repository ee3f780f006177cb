"""The magics in a real kernel, with a real Jupyter server beside it and without one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from .cli.conftest import Shell, nginx, shell  # noqa: F401 - fixtures
from .servers.chaos import noise
from .servers.jupyter import TOKEN, JupyterServer, running_jupyter


class Notebook:
    """A notebook whose kernel runs in a folder."""

    def __init__(self, folder: Path, runtime: Path, data: Path) -> None:
        paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self._environment = {
            **os.environ,
            "JUPYTER_RUNTIME_DIR": str(runtime),
            "JUPYTER_DATA_DIR": str(data),
            "PYTHONPATH": ":".join(filter(None, paths)),
            "JUPYTER_PLATFORM_DIRS": "0",
        }
        self._folder = folder

    def run(self, *cells: str) -> list[list[dict]]:
        """The outputs of each cell; the extension is loaded before them."""
        book = nbformat.v4.new_notebook()
        for cell in ("%load_ext jupyter_transfer", *cells):
            book.cells.append(nbformat.v4.new_code_cell(cell))
        client = NotebookClient(
            book,
            timeout=60,
            kernel_name="python3",
            resources={"metadata": {"path": str(self._folder)}},
        )
        client.execute(env=self._environment)
        return [cell.outputs for cell in book.cells[1:]]


def text(outputs: list[dict]) -> str:
    """All that can be read in the outputs of a cell."""
    parts = []
    for output in outputs:
        parts.append(output.get("text", ""))
        parts += map(str, output.get("data", {}).values())
    return "\n".join(parts)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_jupyter(tmp_path_factory.mktemp("jupyter")) as running:
        yield running


@pytest.fixture
def beside(server, tmp_path) -> Notebook:
    """A notebook in the root of a server."""
    return Notebook(server.root, server.work / "runtime", tmp_path / "data")


@pytest.fixture
def alone(shell: Shell, tmp_path) -> Notebook:  # noqa: F811
    return Notebook(shell.folder, tmp_path / "runtime", tmp_path / "data")


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))


def test_a_fetch_on_the_server(beside, server, nginx):  # noqa: F811
    put(nginx.files / "cell.bin", b"content")
    (begun, told, listed, missing) = beside.run(
        f"url = '{nginx.url}/cell.bin'\njob = %transfer get {{url}}",
        "print(job.state, job.path, repr(job), job.wait().progress['bytes_done'])",
        "%transfers",
        "%transfers failed",
    )
    assert (server.root / "cell.bin").read_bytes() == b"content"
    assert "Done: 7 B of 7 B" in text(begun)
    assert any("text/html" in output.get("data", {}) for output in begun)
    assert "done cell.bin <Transfer done: Fetch " in text(told)
    assert "cell.bin" in text(listed)
    assert "No transfers." in text(missing)
    assert TOKEN not in text(begun + told + listed)


def test_in_the_kernel_itself(alone, shell, nginx):  # noqa: F811
    put(nginx.files / "kernel.bin", b"content")
    url = f"{nginx.url}/kernel.bin"
    (begun, again) = alone.run(f"%transfer get {url} x.bin", f"%transfer get {url} x.bin")
    assert (shell.folder / "x.bin").read_bytes() == b"content"
    assert "Done: " in text(begun)
    assert "it was here already" in text(again)


def test_in_the_background(beside, server, nginx):  # noqa: F811
    put(nginx.files / "back.bin", noise(8 << 20))
    (_, waited) = beside.run(
        f"job = %transfer get --bg {nginx.url}/slow/back.bin back/\nstate = job.state",
        "print(state, job.wait(30).state, job.path)",
    )
    assert text(waited).split()[1:] == ["done", "back/back.bin"]
    assert text(waited).split()[0] in ("queued", "running")
    assert (server.root / "back" / "back.bin").read_bytes() == noise(8 << 20)


def test_what_fails_is_told_and_raised(beside, nginx):  # noqa: F811
    (begun, told) = beside.run(
        f"job = %transfer get {nginx.url}/not-there",
        "try:\n    job.wait()\nexcept Exception as error:\n    print(error.code)",
    )
    assert "Failed: " in text(begun)
    assert "remote_not_found" in text(told)


def test_links_that_download(beside, server):
    (server.root / "some folder").mkdir(exist_ok=True)
    put(server.root / "some folder" / "a & b.txt", b"linked")
    (file, folder) = beside.run(
        '%download "some folder/a & b.txt"', '%download "some folder" "some folder/a & b.txt"'
    )
    assert 'href="/base/jupyter-transfer/download/some%20folder/a%20%26%20b.txt"' in text(file)
    assert "/base/jupyter-transfer/archive?path=some+folder&amp;path=" in text(folder)


def test_without_a_server(alone):
    (outputs,) = alone.run("%transfers")
    assert "No Jupyter server" in text(outputs)


def test_a_wrong_name_in_a_cell_is_an_error_of_the_cell(alone):
    with pytest.raises(CellExecutionError):
        alone.run("undefined_name")
