"""The examples in docstrings and documentation, run against real servers."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_transfer import Client, client

from ..servers.jupyter import JupyterServer, running_jupyter
from ..servers.nginx import Nginx


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_jupyter(tmp_path_factory.mktemp("jupyter")) as running:
        yield running


@pytest.fixture(scope="module")
def site(nginx: Nginx) -> Nginx:
    folder = nginx.files / "folder"
    folder.mkdir(exist_ok=True)
    for path in (nginx.files / "data.csv", folder / "a.csv", folder / "b.csv"):
        path.write_text("one,two\n")
    return nginx


EXAMPLES = [test for test in doctest.DocTestFinder().find(client) if test.examples]


@pytest.fixture
def here(server: JupyterServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `Client()` finds the server."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.work / "runtime"))


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name.rpartition("client")[2])
def test_docstrings(test, here, site, capsys):
    for example in test.examples:
        example.source = addressed(example.source, site)
    test.globs["client"] = Client()
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    runner.run(test, clear_globs=False)
    assert runner.failures == 0, capsys.readouterr().out


def addressed(text: str, site: Nginx) -> str:
    """`text` with addresses of this machine."""
    text = text.replace("https://dav.example.org/", f"{site.url}/dav/")
    return text.replace("https://example.org/", f"{site.url}/")


def test_every_public_method_has_been_thought_of():
    """Those that begin or look for something have an example."""
    shown = {test.name.rpartition(".")[2] for test in EXAMPLES}
    assert {
        "get",
        "put",
        "sync",
        "copy",
        "archive",
        "extract",
        "plan",
        "probe",
        "browse",
        "jobs",
        "job",
    } <= shown
    assert {"wait", "watch", "updates"} <= shown


def test_the_page(here, site, server, capsys):
    """The example of docs/command-line.md."""
    page = Path(__file__).parents[2] / "docs" / "command-line.md"
    code = page.read_text(encoding="utf-8").partition("## From Python")[2]
    code = code.partition("```python\n")[2].partition("```")[0]
    assert "client.get(" in code
    exec(addressed(code, site), {})
    assert capsys.readouterr().out.endswith("done None ['data/data.csv']\n")
