"""The line that a person has typed, for telling them how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import click

_WORDS = "jupyter_transfer.words"


def remember(ctx: click.Context, arguments: Sequence[str]) -> None:
    """This is what stands behind the name of the program."""
    program = str(ctx.info_name or "").replace("jupyter-transfer", "jupyter transfer")
    ctx.meta[_WORDS] = [program, *arguments]


def has(flag: str) -> bool:
    """Whether `flag` was typed."""
    return flag in _words()


def typed() -> str | None:
    """The line, if it is known and holds nothing secret."""
    from ..secrets import redact  # noqa: PLC0415 - help needs none

    words = _words()
    line = f"{words[0]} {shlex.join(words[1:])}" if words else None
    return line if line is not None and redact(line) == line else None


def _words() -> list[str]:
    ctx = click.get_current_context(silent=True)
    words: list[str] = ctx.meta.get(_WORDS, []) if ctx else []
    return words
