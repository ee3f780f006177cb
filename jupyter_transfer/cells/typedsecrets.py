"""Secrets that stand in clear in what a person has typed in a cell.

Only cells that call for a transfer are looked at, and these as text: a line that is no command, or
no YAML, holds its secret all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ..backends.ends import PREFIX
from ..cli.flags import secret_options
from ..secrets import HIDDEN, Masks, is_reference, is_secret

_OURS = re.compile(r"%transfer\b|_magic\(.transfer.|\bjupyter[ -]transfer\b", re.ASCII)

_VALUE = r"""(?P<value>"[^"\n]*"|'[^'\n]*'|(?:\\.|[^\s\\"'])+)"""

_FLAG = re.compile(rf"(?<![\w-])--(?P<name>[A-Za-z][\w-]*)(?:=|(?:[ \t]|\\\n)+){_VALUE}")

_PLAIN = r"""(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s,{}"'\[\]|>&*#][^,}\n#]*?)(?=\s*(?:[,}]|\s#|$))"""

_FIELD = re.compile(rf"""["']?\b(?P<name>[A-Za-z][\w.-]*)["']?\s*:[ \t]+{_PLAIN}""", re.MULTILINE)

_NAME = r"""["']?\bname["']?\s*:\s*["']?(?P<name>[\w.-]+)["']?"""

_ITS_VALUE = rf"""["']?\bvalue["']?\s*:[ \t]+{_PLAIN}"""

_NAMED = [
    re.compile(rf"{_NAME}[\s,]+{_ITS_VALUE}", re.MULTILINE),
    re.compile(rf"{_ITS_VALUE}[\s,]+{_NAME}", re.MULTILINE),
]
"""Options of a DataCube."""

_LINE = re.compile(r"^[^\n]*%transfer\b(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)

_USERINFO = re.compile(r"""(?P<scheme>[a-zA-Z][\w+.-]*)://(?P<info>[^\s/?#"'<>@]*)@""")

_PARAMETER = re.compile(r"""[?&](?P<name>[^\s&#="'<>]+)=(?P<value>[^\s&#"'<>\\)]+)""")

_LOGIN = re.compile(r"\btransfer['\" ,]+login[ \t]+(?P<rest>[^\n]*)")

_WORD = re.compile(r"""[^\s'")(\\,]+""")

_KINDS_OF_TOKENS = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})"
)

_CALLED = re.compile(
    r"(?:.*_)?(?:token|password|passwd|passphrase|pass|pwd|secret|credentials?|secret_key|api_?key"
    r"|private_key|authorization|cookie)"
)

_EXPIRES = re.compile(r".*signature|sig", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A secret in a text: where its value begins and ends.

    Parameters
    ----------
    lasting: False for the signature of an address, which expires by itself.
    """

    start: int
    end: int
    lasting: bool = True


def typed_secrets(text: str) -> list[Found]:
    """The secrets in `text`, what was typed in a cell, from the first to the last; none where it
    calls for no transfer. References and variables are none."""
    if not _OURS.search(text):
        return []
    found = sorted(_all(text), key=lambda one: (one.start, -one.end))
    return [one for n, one in enumerate(found) if n == 0 or one.start >= found[n - 1].end]


def hide(text: str, secrets: list[str]) -> str:
    """`text` without the secrets in it, and without `secrets`."""
    for found in reversed(typed_secrets(text)):
        text = text[: found.start] + HIDDEN + text[found.end :]
    masks = Masks()
    for one in secrets:
        masks.add(one, one.replace("\\", "\\\\").replace("'", "\\'"))
    return masks.hide(text)


def _all(text: str) -> Iterator[Found]:
    for match in _FLAG.finditer(text):
        if _is_secret_name(match["name"]) and _is_clear(match["value"]):
            yield _within_quotes(match)
    yield from _of_fields(text)
    for match in _USERINFO.finditer(text):
        name, colon, password = match["info"].partition(":")
        start, end = match.span("info")
        if colon and _is_clear(password):
            yield Found(start + len(name) + 1, end)
        elif not colon and _is_clear(name) and not match["scheme"].endswith(("ssh", "ftp")):
            yield Found(start, end)
    for match in _PARAMETER.finditer(text):
        if is_secret(f"{match['name']}={match['value']}") and _is_clear(match["value"]):
            yield Found(*match.span("value"), lasting=not _EXPIRES.fullmatch(match["name"]))
    for match in _LOGIN.finditer(text):
        yield from _of_login(match["rest"], match.start("rest"))
    for match in _KINDS_OF_TOKENS.finditer(text):
        yield Found(*match.span())


def _of_fields(text: str) -> Iterator[Found]:
    """Those of YAML and JSON; in Python, which may stand around a command, a name is no value."""
    whole = text.lstrip().startswith("%%transfer") or "run_cell_magic" in text
    places = [(0, len(text))] if whole else [match.span() for match in _LINE.finditer(text)]
    for start, end in places:
        for pattern in (_FIELD, *_NAMED):
            for match in pattern.finditer(text, start, end):
                if _is_secret_name(match["name"]) and _is_clear(match["value"]):
                    yield _within_quotes(match)


def _of_login(words: str, offset: int) -> Iterator[Found]:
    """What stands behind ``login`` and is neither a service nor an address nor a flag."""
    from ..cli.logins import LOGINS  # noqa: PLC0415 - the transport: slow to load

    takes = False
    for match in _WORD.finditer(words):
        word, of_flag = match[0], takes
        takes = word.startswith("--") and "=" not in word and word not in _SWITCHES
        if (
            of_flag
            or word.startswith("-")
            or word in (*LOGINS, "rclone")
            or "://" in word
            or not _is_clear(word)
        ):
            continue
        yield Found(match.start() + offset, match.end() + offset)


_SWITCHES = ("--check", "--no-check", "--json")


def _within_quotes(match: re.Match[str]) -> Found:
    start, end = match.span("value")
    quoted = match["value"][0] in "\"'"
    return Found(start + quoted, end - quoted)


def _is_clear(value: str) -> bool:
    """Whether `value` is a secret itself, and nothing that leads to one."""
    value = value.strip("\"'")
    if value in ("", "-", HIDDEN, "null", "~", "true", "false") or is_reference(value):
        return False
    if "{" in value:  # a variable, if it is no JSON
        try:
            return isinstance(json.loads(value), dict)
        except ValueError:
            return False
    return not value.startswith("$")


@lru_cache(maxsize=256)
def _is_secret_name(name: str) -> bool:
    """Whether an option, a flag or a field of this name is secret; one that we do not know is by
    what it is called, for it may be misspelt."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").replace(".", "_")
    plain = plain.removeprefix(PREFIX)
    declared = any(plain == one or plain.endswith(f"_{one}") for one in secret_options())
    return declared or _CALLED.fullmatch(plain) is not None
