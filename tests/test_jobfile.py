"""Our own form of a transfer in a file: what it says, and that its JSON schema says the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from jupyter_transfer import datacube
from jupyter_transfer.engine.kinds import RUN_KINDS
from jupyter_transfer.errors import TransferError
from jupyter_transfer.joboptions import BETWEEN_SERVICES, JOB_OPTIONS

SCHEMA = datacube.own_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
DOCS = Path(__file__).parents[1] / "docs"


def transfer(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "jupyter-transfer/v1",
        "kind": "Transfer",
        "spec": {"source": "https://h/x", **spec},
    }


def accepted(document: Any) -> bool:
    """Whether the parser takes it; the schema must agree."""
    try:
        datacube.own_transfer(document)
        refused = None
    except TransferError as error:
        refused = error
    assert refused is None or refused.code == "bad_request"
    taken = refused is None
    told = [error.message for error in VALIDATOR.iter_errors(document)]
    assert taken == (not told), (document, told)
    return taken


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_it_knows_all_kinds_and_all_options_of_jobs():
    spec = SCHEMA["properties"]["spec"]["properties"]
    assert set(spec["kind"]["enum"]) == set(RUN_KINDS)
    assert set(spec["options"]["properties"]) >= JOB_OPTIONS | BETWEEN_SERVICES
    assert all(one.get("description") for one in spec["options"]["properties"].values())


def examples() -> list[Any]:
    """All transfers of our own form in the documentation."""
    found = []
    for path in (*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")):
        for block in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL):
            found += [one for one in datacube.documents(block) if one["kind"] == "Transfer"]
    return found


def test_the_examples_of_the_documentation():
    assert examples()
    assert all(map(accepted, examples()))


GOOD = [
    transfer(),
    transfer(kind="sync", destination="a/", priority=-3),
    transfer(options={"token": "env:TOKEN", "password": "", "dest_password": None}),
    transfer(options={"bandwidth": "08:00,512k 19:00,10M 23:00,off", "max_delete": 0}),
    transfer(options={"include": "*.csv", "exclude": ["a", "b/**"], "min_age": "1h30m"}),
    transfer(options={"start_at": "2026-12-24T18:00:00+08:00", "max_size": "1.5 GiB"}),
    {**transfer(), "metadata": {"name": "x", "labels": {"a": "b"}}},
]


@pytest.mark.parametrize("document", GOOD)
def test_what_is_right(document):
    assert accepted(document)


BAD = [
    {},
    {"apiVersion": "jupyter-transfer/v1", "kind": "Transfer"},
    {**transfer(), "kind": "Job"},
    {**transfer(), "apiVersion": "v1"},
    {**transfer(), "more": 1},
    {**transfer(), "metadata": []},
    {**transfer(), "metadata": {"name": 5}},
    {**transfer(), "spec": []},
    transfer(source=""),
    transfer(source="  "),
    transfer(source=5),
    transfer(source="a\0b"),
    transfer(source="x" * 9000),
    transfer(destination=None),
    transfer(kind="move"),
    transfer(kind="download"),
    transfer(kind=["fetch"]),
    transfer(priority=1001),
    transfer(priority="1"),
    transfer(priority=True),
    transfer(surprise=1),
    transfer(options=[]),
    transfer(options={"dry_run": True}),
    transfer(options={"approve": 1}),
    transfer(options={"bandwidth": "fast"}),
    transfer(options={"bandwidth": -1}),
    transfer(options={"bandwidth": "25:00,1M 26:00,off"}),
    transfer(options={"bandwidth": True}),
    transfer(options={"compare": "name"}),
    transfer(options={"conflict": "ask"}),
    transfer(options={"connections": 0}),
    transfer(options={"connections": True}),
    transfer(options={"exclude": [1]}),
    transfer(options={"max_age": "soon"}),
    transfer(options={"max_retries": 1001}),
    transfer(options={"max_delete": -1}),
    transfer(options={"min_size": "5 apples"}),
    transfer(options={"start_at": 5}),
    transfer(options={"start_at": "tomorrow"}),
    transfer(options={"trash": 1}),
    transfer(options={"username": 1}),
    transfer(options={"username": "a\0b"}),
    transfer(options={"password": "in clear"}),
    transfer(options={"token": "in clear"}),
    transfer(options={"dest_token": "in clear"}),
    transfer(options={"secret_access_key": 5}),
]


@pytest.mark.parametrize("document", BAD)
def test_what_is_wrong(document):
    assert not accepted(document)


VALUES = st.sampled_from(
    [
        *("", "5", "5M", "env:X", "x", "true", "30d", "-1"),
        *(None, True, False, -1, 0, 3, 65, 2000, 0.5, [], ["a"], [1], {}, {"a": 1}),
    ]
)
OPTIONS = st.dictionaries(
    st.sampled_from(sorted(JOB_OPTIONS | BETWEEN_SERVICES | {"token", "endpoint"})),
    VALUES,
    max_size=3,
)


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["kind", "destination", "priority", "more"]), VALUES, max_size=2
    ),
    OPTIONS | VALUES,
)
def test_parser_and_schema_agree_on_nonsense(fields, options):
    accepted(transfer(**{**fields, "options": options}))
