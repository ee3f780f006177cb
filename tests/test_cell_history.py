"""What IPython keeps of a secret that is typed into a cell: nothing. A real kernel, and the file of
its history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .servers.kernel import Kernel, running_kernel

CANARY = "canary-c4d7-typed"

KEPT = """
shell = get_ipython()
history = shell.history_manager
word = "-".join(["canary", "c4d7"])
kept = {
    "In": In,
    "_ih": _ih,
    "raw": history.input_hist_raw,
    "parsed": history.input_hist_parsed,
    "cache": history.db_input_cache,
    "exceptions": history.exceptions,
    "last": vars(shell.last_execution_result.info),
    "names": [value for name, value in globals().items() if name.startswith("_i")],
    "attributes": [history._i00, history._i, history._ii, history._iii],
    "tail": list(history.get_tail(100, raw=True, include_latest=True)),
}
print([name for name, value in kept.items() if word in repr(value)])
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, Path]]:
    home = tmp_path_factory.mktemp("home")
    with running_kernel(
        home, HOME=str(home), IPYTHONDIR=str(home / "ipython"), JUPYTER_RUNTIME_DIR=str(home)
    ) as running:
        yield running, home


def test_a_typed_secret_is_kept_nowhere(kernel):
    kernel, home = kernel
    kernel.run("%logstart -o -r typed.log")
    kernel.run("%xmode Verbose")
    refused = f"%transfer get https://127.0.0.1:1/x --token {CANARY}"
    cells = [
        refused,
        f"{refused}\n1 / 0",
        f"job = %transfer get --local http://u:{CANARY}@127.0.0.1:1/x --retries 0",
        f"%transfer get https://127.0.0.1:1/x y/ too-many --token={CANARY}",
        f"%transfer login huggingface {CANARY}",
        f"%%transfer\nhttps://127.0.0.1:1/x --token {CANARY}",
        (
            f"%%transfer\napiVersion: jupyter-transfer/v1\nkind: Transfer\nspec:\n  kind: fetch\n"
            f"  source: https://127.0.0.1:1/x\n  options: {{token: {CANARY}}}"
        ),
        f"get_ipython().run_line_magic('transfer', 'get https://127.0.0.1:1/x --token {CANARY}')",
        f"{refused}\nthis is no Python",
    ]
    for number, code in enumerate(cells):
        cell = kernel.run(code)
        assert CANARY not in cell.text + str(cell.sent), number
        told = "the notebook has it as it was typed" in cell.text
        assert told == ("SyntaxError" not in cell.text), (number, cell.text)
        assert (cell.error is not None) == (number in (1, 8)), (number, cell.text)
    kept = kernel.run(KEPT)
    assert kept.text == "[]\n"
    kernel.run("get_ipython().history_manager.writeout_cache()")
    looked = kernel.run("%history -g *token*")
    assert "--token ***" in looked.text
    data = files(home)
    assert b"--token ***" in data["ipython/profile_default/history.sqlite"]
    assert b"--token ***" in data["typed.log"]
    assert [name for name, bytes_ in data.items() if CANARY.encode() in bytes_] == []


def test_the_cell_that_loads_the_extension(kernel):
    kernel, home = kernel
    kernel.run("%logstop")
    kernel.run("%unload_ext jupyter_transfer")
    canary = f"{CANARY}-at-first"
    kernel.run(f"before = '%transfer --token {canary}'")
    line = f"%transfer get https://127.0.0.1:1/x --token {canary}"
    cell = kernel.run(f"%load_ext jupyter_transfer\n{line}")
    assert canary not in cell.text
    assert "the notebook has it as it was typed" in cell.text
    assert kernel.run(KEPT).text == "[]\n"
    data = files(home)
    assert [name for name, bytes_ in data.items() if canary.encode() in bytes_] == []
    assert b"%load_ext" in data["ipython/profile_default/history.sqlite"]


def test_what_holds_no_secret_is_kept_as_it_was_typed(kernel):
    kernel, _ = kernel
    line = "%transfer get https://127.0.0.1:1/x --token env:NOBODY --local"
    cell = kernel.run(line)
    assert "as it was typed" not in cell.text
    assert kernel.run("print(_i)").text == f"{line}\n"
    kernel.run("%reload_ext jupyter_transfer")
    kernel.run(f"%transfer get https://127.0.0.1:1/x --token {CANARY}")
    assert kernel.run("print(_i)").text == "%transfer get https://127.0.0.1:1/x --token ***\n"


def files(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
