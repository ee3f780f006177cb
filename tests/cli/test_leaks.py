"""No secret is shown: neither by errors that nobody foresaw, nor by what objects look like."""

from __future__ import annotations

import traceback

import pytest
from click.testing import CliRunner

from jupyter_transfer import Client, secrets
from jupyter_transfer.cli import moving
from jupyter_transfer.cli.logins import Entered
from jupyter_transfer.cli.main import main
from jupyter_transfer.client import Job
from jupyter_transfer.errors import TransferError
from jupyter_transfer.servers import Server

SECRET = "canary-of-the-leaks-8391"


@pytest.fixture
def known():
    secrets.MASKS.add(SECRET)
    yield
    secrets.MASKS.drop(SECRET)


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize(
    "error", [RuntimeError(f"it is {SECRET}"), TransferError("internal", f"it is {SECRET}", SECRET)]
)
def test_an_error_that_holds_a_secret(monkeypatch, known, error, flags):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(moving, "run", fail)
    done = CliRunner().invoke(main, ["get", "https://example.org/x", *flags])
    assert done.exit_code == 1
    assert "it is ***" in done.output
    assert ('{"error"' in done.output) == (isinstance(error, TransferError) and bool(flags))
    assert SECRET not in done.output


def test_what_objects_look_like():
    client = Client(Server("http://127.0.0.1:9/", SECRET), ca_file=None)
    data = {"id": "a" * 32, "kind": "fetch", "state": "done", "source": "x"}
    shown = [client, client.server, Job(client, data), Entered(SECRET), client._session]
    assert SECRET not in "".join(map(repr, shown))


def test_a_traceback_of_a_call():
    client = Client("http://127.0.0.1:9/", SECRET)
    with pytest.raises(TransferError) as caught:
        client.get("https://example.org/x", password=SECRET)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown + repr(caught.value) + str(caught.value.as_dict())
