"""Patterns over paths, as rclone understands them, matched in time linear in the path.

=============  =========================================================================
``*``          any run of characters but ``/``
``**``         any run of characters
``?``          one character but ``/``
``[a-z]``      one of these; ``[!a-z]`` or ``[^a-z]`` one of the others, never ``/``
``{a,b}``      either; the alternatives are patterns themselves
``\\``          the next character, as it is
``/`` first    the pattern begins at the folder that is transferred; without it, at any
               segment: ``*.txt`` is also ``notes/today.txt``
``/`` last     everything in such folders: ``cache/`` is ``cache/**``
=============  =========================================================================

All patterns of a list become one automaton whose states are the bits of an integer (the "shift-and"
method), and its steps are remembered. No pattern makes it slow, which cannot be said of a regular
expression: a job has to hear at any time that it is cancelled.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from ..errors import TransferError

MAX_LENGTH = 4096
"""Characters in one pattern."""
MAX_STATES = 100_000
"""Tokens of all patterns of a list, alternatives written out."""

_MAX_WAYS = 1000
"""Ways to choose from the alternatives of one pattern."""

_MEMORY = 50_000
"""Steps that are remembered."""


@dataclass(frozen=True)
class _Token:
    """One place of a pattern. `chars` None stands for any character; `but` turns `chars` around;
    what is not `deep` never matches ``/``; a `run` matches any number of characters."""

    chars: frozenset[str] | None = None
    ranges: tuple[tuple[str, str], ...] = ()
    but: bool = False
    deep: bool = False
    run: bool = False

    def takes(self, char: str) -> bool:
        if char == "/" and not self.deep:
            return False
        if self.chars is None:
            return True
        inside = char in self.chars or any(low <= char <= high for low, high in self.ranges)
        return inside is not self.but


_ANY = _Token()
_STAR = _Token(run=True)
_STARS = _Token(run=True, deep=True)

_Tokens = tuple[_Token, ...]


class Patterns:
    """A list of patterns; `first` says which of them a path matches.

    Raises ``bad_request`` for a malformed pattern, and says what is wrong with it.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._tokens: list[_Token] = []
        self._ends: dict[int, int] = {}
        self._start = 0
        self._anywhere = 0
        for number, pattern in enumerate(patterns):
            for anchored, tokens in _parse(pattern):
                self._add(number, anchored, tokens)
        self._accepting = sum(1 << end for end in self._ends)
        self._runs = self._mask(lambda token: token.run)
        self._start = self._close(self._start)
        self._anywhere = self._close(self._anywhere)
        self._masks: dict[str, tuple[int, int]] = {}
        self._steps: dict[tuple[int, str], int] = {}

    def first(self, path: str) -> int | None:
        """The number of the first pattern that matches all of `path`; None if none does."""
        states, steps = self._start, self._steps
        for char in unicodedata.normalize("NFC", path):
            known = steps.get((states, char))
            states = self._step(states, char) if known is None else known
        found = states & self._accepting
        if not found:
            return None
        return self._ends[(found & -found).bit_length() - 1]

    def _add(self, number: int, anchored: bool, tokens: _Tokens) -> None:
        start = 1 << len(self._tokens)
        self._start |= start
        if not anchored:
            self._anywhere |= start
        self._tokens += tokens
        self._ends[len(self._tokens)] = number
        self._tokens.append(_Token(frozenset()))  # the end, which takes nothing
        if len(self._tokens) > MAX_STATES:
            raise TransferError("bad_request", "The patterns are too many or too long.")

    def _step(self, states: int, char: str) -> int:
        if char not in self._masks:
            takes = self._mask(lambda token: token.takes(char))
            self._masks[char] = takes & ~self._runs, takes & self._runs
        once, run = self._masks[char]
        after = self._close(((states & once) << 1) | (states & run))
        if char == "/":
            after |= self._anywhere
        if len(self._steps) >= _MEMORY:
            self._steps.clear()
            self._masks.clear()
        self._steps[states, char] = after
        return after

    def _close(self, states: int) -> int:
        """A run may also match nothing. No two runs follow each other, so once is enough."""
        return states | (states & self._runs) << 1

    def _mask(self, chosen: Callable[[_Token], bool]) -> int:
        return sum(1 << number for number, token in enumerate(self._tokens) if chosen(token))


def _parse(pattern: str) -> Iterator[tuple[bool, _Tokens]]:
    """Whether the pattern begins at the root, and its tokens, for each way to choose from its
    alternatives."""
    text = unicodedata.normalize("NFC", pattern)
    anchored = text.startswith("/")
    if anchored:
        text = text[1:]
    if not text or len(text) > MAX_LENGTH:
        raise _malformed(pattern, "is empty" if not text else "is too long")
    if text.endswith("/"):
        text += "**"
    for tokens in _Parser(pattern, text).all():
        yield anchored, _without_double_runs(tokens)


def _without_double_runs(tokens: _Tokens) -> _Tokens:
    kept: list[_Token] = []
    for token in tokens:
        if token.run and kept and kept[-1].run:
            kept[-1] = _STARS if token.deep else kept[-1]
        else:
            kept.append(token)
    return tuple(kept)


class _Parser:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str, text: str) -> None:
        self._pattern = pattern
        self._text = text
        self._at = 0

    def all(self) -> list[_Tokens]:
        """The ways to write the whole pattern without alternatives."""
        ways = self._sequence("")
        if self._at < len(self._text):
            raise _malformed(self._pattern, "has a “}” without its “{”")
        return ways

    def _sequence(self, stops: str) -> list[_Tokens]:
        parts: list[list[_Tokens]] = []
        count = 1
        while self._at < len(self._text) and self._text[self._at] not in (stops or "}"):
            part = self._part()
            count *= len(part)
            self._limit(count)
            parts.append(part)
        return [tuple(token for tokens in way for token in tokens) for way in product(*parts)]

    def _part(self) -> list[_Tokens]:
        char = self._take()
        if char == "*":
            return [(self._stars(),)]
        if char == "?":
            return [(_ANY,)]
        if char == "[":
            return [(self._class(),)]
        if char == "{":
            return self._alternatives()
        if char == "]":
            raise _malformed(self._pattern, "has a “]” without its “[”")
        if char == "\\":
            char = self._take()
        return [(_Token(frozenset(char), deep=True),)]

    def _take(self) -> str:
        if self._at >= len(self._text):
            raise _malformed(self._pattern, "ends in the middle")
        self._at += 1
        return self._text[self._at - 1]

    def _stars(self) -> _Token:
        first = self._at
        while self._text.startswith("*", self._at):
            self._at += 1
        if self._at - first > 1:
            raise _malformed(self._pattern, "has more than two “*” in a row")
        return _STARS if self._at > first else _STAR

    def _class(self) -> _Token:
        but = self._text[self._at : self._at + 1] in ("!", "^")
        self._at += but
        chars: set[str] = set()
        ranges: list[tuple[str, str]] = []
        first = True
        while (char := self._take()) != "]" or first:
            first = False
            low = self._take() if char == "\\" else char
            if self._text.startswith("-", self._at) and not self._text.startswith("-]", self._at):
                self._at += 1
                high = self._take()
                high = self._take() if high == "\\" else high
                if high < low:
                    raise _malformed(self._pattern, f"has the backward range “{low}-{high}”")
                ranges.append((low, high))
            else:
                chars.add(low)
        return _Token(frozenset(chars), tuple(ranges), but)

    def _alternatives(self) -> list[_Tokens]:
        if self._text.startswith("{", self._at):
            raise _malformed(self._pattern, "holds a regular expression, which is not supported")
        ways = self._sequence(",}")
        while self._take() == ",":
            ways += self._sequence(",}")
            self._limit(len(ways))
        return ways

    def _limit(self, ways: int) -> None:
        if ways > _MAX_WAYS:
            raise _malformed(self._pattern, "has too many alternatives")


def _malformed(pattern: str, how: str) -> TransferError:
    shown = pattern if len(pattern) <= 80 else pattern[:80] + "…"
    return TransferError(
        "bad_request",
        f"The pattern “{shown}” {how}.",
        "See docs/filters.md for how patterns are written.",
        detail={"pattern": pattern[:MAX_LENGTH]},
    )
