"""Texts of the files in which official clients keep logins: the same text with one login more.

Only texts: `jupyter_transfer.secrets` reads and writes the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .errors import TransferError

_SECTION = re.compile(r"\[(.+)\]")
_KEY = re.compile(r"([^\s=:#;\[][^=:]*?)\s*[=:]")
_WORD = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
_PLAIN = re.compile(r"[A-Za-z0-9_./@:%+=,~^-]+")


def with_section(text: str, section: str, values: Mapping[str, str]) -> str:
    """`text` of an INI file, in which `section` has `values`; everything else stays as it is,
    further keys of that section, too. Raises ``bad_request`` for what cannot stand in such a file.
    """
    for value in (section, *values.values()):
        _check(value)
    if not section.strip() or "]" in section:
        raise TransferError("bad_request", "This cannot be the name of a section.")
    lines = text.splitlines()
    start = _start_of(lines, section)
    if start is None:
        lines += [*([""] if lines and lines[-1].strip() else []), f"[{section}]"]
        start = len(lines)
    end = next((n for n in range(start, len(lines)) if _SECTION.match(lines[n])), len(lines))
    kept = [
        line for key, group in _entries(lines[start:end]) if key not in values for line in group
    ]
    blank = next((n for n, line in enumerate(reversed(kept)) if line.strip()), len(kept))
    kept, tail = kept[: len(kept) - blank], kept[len(kept) - blank :]
    new = [f"{key} = {value}" for key, value in values.items()]
    return "\n".join([*lines[:start], *kept, *new, *tail, *lines[end:]]) + "\n"


def _check(value: str) -> None:
    if re.search(r"[\x00-\x1f\x7f]", value) or value != value.strip():
        raise TransferError(
            "bad_request", "A name or secret holds a blank at an end, or a control character."
        )


def _start_of(lines: list[str], section: str) -> int | None:
    """The line behind the heading of `section`."""
    for number, line in enumerate(lines):
        found = _SECTION.match(line)
        if found and found[1] == section:
            return number + 1
    return None


def _entries(lines: list[str]) -> Iterator[tuple[str | None, list[str]]]:
    """Each key with its lines, those that continue it (they begin with a blank) included; None for
    comments and empty lines."""
    group: list[str] = []
    key: str | None = None
    for line in lines:
        if group and key is not None and line[:1] in (" ", "\t") and line.strip():
            group.append(line)
            continue
        if group:
            yield key, group
        found = _KEY.match(line)
        key, group = (found[1].lower() if found else None), [line]
    if group:
        yield key, group


def with_machine(text: str, host: str, username: str, password: str) -> str:
    """`text` of a ``.netrc`` (the format of ftp(1), with the quotes that curl and Python read) in
    which `host` has this login, and no other one; before ``default``, behind which nobody looks.
    Raises ``bad_request`` for what cannot stand in such a file."""
    for value in (host, username, password):
        _check(value)
    if not _PLAIN.fullmatch(host) or not username or not password:
        raise TransferError("bad_request", "A host, a user name and a password are needed.")
    entry = f"machine {host} login {_quoted(username)} password {_quoted(password)}\n"
    before, after, placed = "", "", False
    for kind, name, part in _machines(text):
        if kind == "machine" and name == host:
            continue
        placed = placed or kind == "default"
        if placed:
            after += part
        else:
            before += part
    if before and not before.endswith("\n"):
        before += "\n"
    return before + entry + after


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _machines(text: str) -> Iterator[tuple[str, str, str]]:
    """The parts of a ``.netrc``: what it is, the machine it is about, and its text as it stands."""
    start, kind, name = 0, "", ""
    position = 0
    while True:
        comment = re.compile(r"\s*#[^\n]*\n?").match(text, position)
        if comment and _at_line_start(text, position, comment[0]):
            position = comment.end()
            continue
        word = _WORD.search(text, position)
        if word is None:
            break
        position = word.end()
        if word[0] in ("machine", "default", "macdef"):
            if word.start() > start:
                yield kind, name, text[start : word.start()]
            start, kind, name = word.start(), word[0], ""
            if kind != "default":
                following = _WORD.search(text, position)
                if following:
                    name, position = following[0], following.end()
            if kind == "macdef":
                end = text.find("\n\n", position)
                position = len(text) if end < 0 else end + 2
        elif word[0] in ("login", "user", "account", "password"):
            value = _WORD.search(text, position)
            position = value.end() if value else position
    if start < len(text):
        yield kind, name, text[start:]


def _at_line_start(text: str, position: int, found: str) -> bool:
    blanks = found[: found.index("#")]
    return "\n" in blanks or position == 0 or text[position - 1] == "\n"
