"""What is typed into cells, and what they show: without a kernel."""

from __future__ import annotations

import json

import click
import pytest
import yaml

from jupyter_transfer.cells.bundle import JOB, bundle_of
from jupyter_transfer.cells.completing import offers
from jupyter_transfer.cells.group import Transfers
from jupyter_transfer.cells.job import Transfer
from jupyter_transfer.cells.lines import commands, is_yaml, yaml_expanded
from jupyter_transfer.spec import Job, JobSpec

NAMES = {"url": "https://h/x", "name": "two words", "n": 3, "files": ["a", "b"]}


class Driven:
    """A job that somebody else moves."""

    where = "http://127.0.0.1:8888/"

    def __init__(self, state: str, total: int | None = 4) -> None:
        spec = JobSpec("fetch", "https://h/x", "data/", {"username": "canary"})
        self.data = Job.new(spec, "me").as_dict()
        self.data["state"] = state
        self.data["progress"].update(bytes_done=2, bytes_total=total, files_total=1)


def group(*states: str) -> Transfers:
    return Transfers([Transfer(Driven(state)) for state in states])


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("https://example.org/x data/", False),
        ("# all of them\ns3://bucket/a b", False),
        ("hf:org/model", False),
        ("C:\\x", False),
        ("---\nkind: Transfer", True),
        ("# a DataCube\n\napiVersion: x", True),
        ("spec:\n  kind: fetch", True),
        ("", False),
    ],
)
def test_yaml_is_told_from_addresses(text, yes):
    assert is_yaml(text) is yes


def test_none_of_several_are_done():
    assert group("failed")[1:].state == "done"


def test_words_of_lines():
    text = "# none\n{url}/{name}.csv  'a b'/  # that\n\nhttp://h/x#y --include {files[1]}\n"
    assert list(commands(text, NAMES)) == [
        (2, ["https://h/x/two words.csv", "a b/"]),
        (4, ["http://h/x#y", "--include", "b"]),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [("ok\n'open", "Line 2: a quotation mark"), ("\n{other}", "Line 2: there is no variable")],
)
def test_a_wrong_line_is_named(text, told):
    with pytest.raises(click.UsageError, match=told):
        list(commands(text, NAMES))


def test_braces_that_are_no_expression_stay():
    assert list(commands("s3://b/{a,b}.csv", {})) == [(1, ["s3://b/{a,b}.csv"])]


def test_values_never_change_the_structure_of_yaml():
    names = {"url": "https://h/x: y # z\nspec: {}", "n": 3}
    text = "a: {url}\nb:\n- s3://b/{url}\nc: {n}\nd: {other: 1}"
    assert yaml.safe_load(yaml_expanded(text, names)) == {
        "a": names["url"],
        "b": [f"s3://b/{names['url']}"],
        "c": 3,
        "d": {"other": 1},
    }


def test_a_bundle_has_neither_options_nor_secrets():
    job = Driven("failed").data
    job["source"] = "https://me:canary@h/x?token=canary"
    job["reason"] = {"code": "x", "message": "at https://u:canary@h/", "remedy": "", "detail": {}}
    bundle = bundle_of(job, "here")
    assert bundle[JOB]["where"] == "kernel"
    assert "canary" not in json.dumps(bundle)
    assert "options" not in bundle[JOB]["job"]


def test_a_terminal_gets_lines(capsys):
    transfer = Transfer(Driven("done"))
    transfer.begin()
    told = capsys.readouterr()
    assert told.err.splitlines()[0] == "Fetch https://h/x → data/"
    assert "Done: 2 B of 4 B" in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["done", "done"], "done"),
        (["done", "running"], "running"),
        (["queued", "failed"], "failed"),
    ],
)
def test_the_state_of_several(states, state):
    assert group(*states).state == state


def test_the_progress_of_several():
    both = group("done", "running")
    assert both.progress["bytes_done"] == 4
    assert both.progress["bytes_total"] == 8
    assert repr(both) == "<2 Transfers: 1 running, 1 done>"
    unknown = Transfers([*both, Transfer(Driven("running", total=None))])
    assert unknown.progress["bytes_total"] is None
    assert [type(part) for part in (unknown[0], unknown[1:])] == [Transfer, Transfers]


@pytest.mark.parametrize(
    ("before", "word", "offered"),
    [
        ([], "re", ["resume", "retry"]),
        (["get"], "s3", ["s3://"]),
        (["get"], "--incl", ["--include"]),
        (["get"], "--bg", ["--bg"]),
        (["get", "--bg", "s3://b/x"], "--endp", ["--endpoint"]),
        (["get", "--conflict"], "ov", ["overwrite"]),
        (["get", "--include"], "s3", []),
        (["put"], "x", ["x"]),
        (["frob"], "", []),
    ],
)
def test_what_is_offered(before, word, offered):
    assert [one.value for one in offers(before, word)] == offered


def test_one_that_cannot_be_followed_leaves_the_others(capsys):
    """Whatever is wrong with it, who waits for it is told, and who waits for others does not wait
    for ever."""

    class Lost(Driven):
        def refresh(self):
            pass

        def updates(self):
            raise OSError("the output is gone")

    class Well(Driven):
        def refresh(self):
            pass

        def updates(self):
            self.data["state"] = "done"
            yield self.data

    lost, well = Transfer(Lost("running")), Transfer(Well("running"))
    lost.go_on(well)
    with pytest.raises(OSError, match="the output is gone"):
        lost.wait(5)
    assert well.wait(5).state == "done"
