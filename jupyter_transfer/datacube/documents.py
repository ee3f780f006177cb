"""YAML files as plain objects, within limits; and the error of a file that is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import yaml

from ..errors import TransferError

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000
MAX_DEPTH = 40
"""Limits of a file: characters, values in it, levels. More is no honest DataCube."""

Json = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: what looks like a time is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def documents(text: str) -> Iterator[Json]:
    """The objects of a YAML file; those of a list one by one. Raises ``bad_request``."""
    if len(text) > MAX_BYTES:
        raise bad("the file", f"is longer than {MAX_BYTES:,} characters")
    try:
        loaded = list(yaml.load_all(text, _Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        raise TransferError("bad_request", f"This is no YAML{line}.") from None
    budget = [MAX_VALUES]
    for document in loaded:
        if document is None:
            continue
        _measure(document, budget, 0)
        if not isinstance(document, dict):
            raise bad("the document", "must be an object")
        if document.get("kind") in ("DataCubeList", "List"):
            items = document.get("items")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise bad("items", "must be a list of objects")
            yield from items
        else:
            yield document


def _measure(value: Any, budget: list[int], depth: int) -> None:
    """Refuse what aliases blow up: each use of an alias counts."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise bad("the file", "holds too much, or too deep")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise bad(str(key)[:40], "must be a text")
            _measure(inner, budget, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _measure(inner, budget, depth + 1)
    elif not isinstance(value, (str, int, float, type(None))):
        raise bad(str(value)[:40], "is of a kind that JSON has not")
    elif isinstance(value, float) and not math.isfinite(value):
        raise bad(str(value), "is no number")


def bad(field_name: str, why: str) -> TransferError:
    """The error of a field that is wrong: ``bad_request``."""
    return TransferError("bad_request", f"DataCube: {field_name} {why}.", "Correct the file.")
