"""What is typed in a cell below ``%%transfer``: addresses, one a line, or YAML; with variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import click
import yaml
from IPython.utils.text import FullEvalFormatter

from .. import datacube

_KEY = re.compile(r"---|[A-Za-z][\w-]*\s*:(\s|$)")

_NAME = re.compile(r"\{\s*([A-Za-z_]\w*)\s*\}")


def is_yaml(text: str) -> bool:
    """Whether `text` is a file of transfers; else it is a list of addresses."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return _KEY.match(first) is not None


def commands(text: str, names: Mapping[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """The number and the words of each line: an address, where it goes to, options; `names` are the
    variables. A word that begins with ``#`` begins a comment.

    Raises a usage error that names the line."""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line)
        except ValueError:
            raise click.UsageError(f"Line {number}: a quotation mark is missing.") from None
        comment = next((n for n, word in enumerate(words) if word.startswith("#")), len(words))
        if words[:comment]:
            try:
                yield number, [expanded(word, names) for word in words[:comment]]
            except KeyError as error:
                raise click.UsageError(
                    f"Line {number}: there is no variable “{error.args[0]}”."
                ) from None


def expanded(text: str, names: Mapping[str, Any]) -> str:
    """`text` with the value of each ``{expression}`` in its place; what is none stays. Raises
    KeyError for a name that is not there."""
    for name in _NAME.findall(text):
        if name not in names:
            raise KeyError(name)
    try:
        return str(FullEvalFormatter().vformat(text, (), dict(names)))
    except Exception:  # whatever an expression of the person raises: IPython does the same
        return text


def yaml_expanded(text: str, names: Mapping[str, Any]) -> str:
    """The YAML `text` with the values of variables; a value never changes its structure. Raises
    ``bad_request``, and a usage error for a name that is not there."""
    try:
        documents = [_filled(document, names) for document in datacube.documents(text)]
    except KeyError as error:
        raise click.UsageError(f"There is no variable “{error.args[0]}”.") from None
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True)


def _filled(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _NAME.sub(lambda found: str(names[found[1]]), value)
    if isinstance(value, list):
        return [_filled(one, names) for one in value]
    if isinstance(value, dict):
        name, inner = next(iter(value.items()), ("", ""))
        if len(value) == 1 and inner is None and name in names:
            return names[name]  # YAML takes a lone {name} for a mapping
        return {key: _filled(one, names) for key, one in value.items()}
    return value
