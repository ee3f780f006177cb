"""What the Tab key offers after ``%transfer``: what it offers in a shell, by
`jupyter_transfer.cli.completing`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete
from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    context_matcher,
    protect_filename,
)

from ..cli.main import COMMANDS, main

BACKGROUND = "--bg"

_ID = "jupyter_transfer"

_BACKGROUND_FOR = ("get", "put", "sync", "cp", "apply", "archive", "extract")

Items = list["CompletionItem[str]"]

_LINE = re.compile(r"(?:^|[=\s])%transfer\s+(?P<rest>.*)$")

_CELL = re.compile(r"^\s*%%transfer\b(?P<rest>.*)$")


def install(shell: Any) -> None:
    """Let the completer of `shell` ask us, too."""

    @context_matcher(identifier=_ID, priority=100)  # type: ignore[untyped-decorator]
    def matcher(context: CompletionContext) -> dict[str, Any]:
        typed = _typed(context)
        if typed is None:
            return {"completions": []}
        *before, word = typed
        items = offers(before, word)
        found = [SimpleCompletion(text=one.value) for one in items if one.type == "plain"]
        if any(one.type == "file" for one in items):
            found += _files(shell, word)
        return {"completions": found, "suppress": bool(found), "matched_fragment": word}

    matchers = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != _ID]
    matchers.append(matcher)


def offers(before: Sequence[str], word: str) -> Items:
    """What `word` may become behind the words `before`, the first of which is the command: what a
    shell is offered, and our own flag. An item of the type ``file`` stands for files here."""
    known = [one for one in before if one != BACKGROUND]
    if known and known[0] not in COMMANDS:
        return []
    try:
        found = ShellComplete(main, {}, "%transfer", "").get_completions(known, word)
    except click.ClickException:
        return []
    if known and known[0] in _BACKGROUND_FOR and BACKGROUND.startswith(word or " "):
        found.append(CompletionItem(BACKGROUND))
    return found


def _typed(context: CompletionContext) -> list[str] | None:
    """The words behind ``%transfer`` up to the cursor, the last of which is being typed; None where
    the cursor is elsewhere. A line below ``%%transfer`` is what ``get`` takes."""
    line = context.text_until_cursor
    if found := _LINE.search(line):
        return _split(found["rest"])
    head = _CELL.match(context.full_text.split("\n")[0])
    if head is None:
        return None
    return ["get", *_split(line if context.cursor_line else head["rest"])]


def _split(text: str) -> list[str]:
    words = text.split()
    return words if words and not text[-1].isspace() else [*words, ""]


def _files(shell: Any, word: str) -> list[SimpleCompletion]:
    """Files of the working folder, found and written as IPython does."""
    glob, pattern = shell.Completer.glob, word.replace("\\", "") + "*"
    folders = {path.rstrip("/") for path in glob(pattern + "/")}
    return [
        SimpleCompletion(text=protect_filename(path) + "/" * (path in folders), type="path")
        for path in sorted(glob(pattern))
    ]
