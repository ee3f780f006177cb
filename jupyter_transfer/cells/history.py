"""IPython keeps what is typed: in memory (``In``, ``_i``), in a file, in a log, and in tracebacks.
Secrets that stand in clear in a cell with a transfer are taken out before it does.

IPython has no hook for that, so four methods of a shell are wrapped, which it has had since its
version 1; the event ``pre_run_cell`` tells of the cell before.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from ..secrets import MASKS
from ..store.cellhistory import replace_texts
from .typedsecrets import hide, typed_secrets

Method = Callable[..., Any]

NOTEBOOK = (
    "A secret stands in this cell. IPython's history and tracebacks hold it as ***, but the "
    "notebook has it as it was typed: take it out, and have it revoked if anybody else may see, or "
    "has seen, this notebook.\n"
)

TERMINAL = (
    "A secret stands in this line. IPython's history and tracebacks hold it as ***, but it was "
    "shown on the terminal: have it revoked if anybody else may have seen it.\n"
)


class Guard:
    """Keeps secrets out of what `shell` keeps."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._to_tell = False
        self._wrapped: list[tuple[Any, str]] = []

    def install(self) -> None:
        """Guard the shell from now on, and hide what it keeps already of this session."""
        shell = self._shell
        shell.events.register("pre_run_cell", self._look)
        history = shell.history_manager
        if history is not None:
            self._wrap(history, "store_inputs", self._storing)
            self._hide_stored(history)
        self._wrap(shell.logger, "log", self._logging)
        for name in ("InteractiveTB", "SyntaxTB"):
            self._wrap(getattr(shell, name, None), "structured_traceback", _without_secrets)

    def remove(self) -> None:
        """Undo `install`."""
        with suppress(ValueError):
            self._shell.events.unregister("pre_run_cell", self._look)
        for owner, name in self._wrapped:
            with suppress(AttributeError):
                delattr(owner, name)
        self._wrapped.clear()

    def note(self) -> str:
        """What the person should know of the cell that runs, once; "" where nothing is to be
        told."""
        if not self._to_tell:
            return ""
        self._to_tell = False
        return NOTEBOOK if hasattr(self._shell, "kernel") else TERMINAL

    def _wrap(self, owner: Any, name: str, wrapper: Callable[[Method], Method]) -> None:
        method = getattr(owner, name, None)
        if method is not None:
            setattr(owner, name, wraps(method)(wrapper(method)))
            self._wrapped.append((owner, name))

    def _storing(self, store: Method) -> Method:
        def guarded(line_num: int, source: str, source_raw: str | None = None) -> Any:
            raw = source if source_raw is None else source_raw
            secrets = _values(raw)
            return store(line_num, hide(source, secrets), hide(raw, secrets))

        return guarded

    def _logging(self, log: Method) -> Method:
        def guarded(line_mod: str, line_ori: str) -> Any:
            secrets = _values(line_ori)
            return log(hide(line_mod, secrets), hide(line_ori, secrets))

        return guarded

    def _look(self, info: Any) -> None:
        """Take the secrets out of what is known of the cell that is about to run, and of the one
        before, which may have loaded us."""
        before = getattr(self._shell.last_execution_result, "info", None)
        for one in filter(None, (before, info)):
            secrets = self._take(one.raw_cell or "")
            if secrets:
                one.raw_cell = hide(one.raw_cell, secrets)
                if isinstance(one.transformed_cell, str):
                    one.transformed_cell = hide(one.transformed_cell, secrets)

    def _take(self, raw: str) -> list[str]:
        """The secrets in a cell, which are masked wherever we write something from now on."""
        self._to_tell = any(one.lasting for one in typed_secrets(raw))
        secrets = _values(raw)
        MASKS.add(*secrets)
        return secrets

    def _hide_stored(self, history: Any) -> None:
        """The cell that loads us is stored already, and with it what was tried before."""
        changed = []
        for number, (raw, source) in enumerate(
            zip(history.input_hist_raw, history.input_hist_parsed, strict=False)
        ):
            secrets = self._take(raw)
            if secrets:
                texts = hide(raw, secrets), hide(source, secrets)
                history.input_hist_raw[number], history.input_hist_parsed[number] = texts
                changed.append((raw, *texts))
        if not changed:
            return
        for name in ("_i00", "_i", "_ii", "_iii"):
            setattr(history, name, hide(getattr(history, name, ""), []))
        for name, value in list(self._shell.user_ns.items()):
            if name.startswith("_i") and isinstance(value, str):
                self._shell.user_ns[name] = hide(value, [])
        with suppress(Exception):  # whatever the history of another make raises
            history.writeout_cache()
            if history.enabled:
                replace_texts(history.db, history.session_number, changed)


def _values(raw: str) -> list[str]:
    return [raw[one.start : one.end] for one in typed_secrets(raw)]


def _without_secrets(format_: Method) -> Method:
    def guarded(*args: Any, **options: Any) -> list[str]:
        return [MASKS.hide(line) for line in format_(*args, **options)]

    return guarded


_GUARDS: WeakKeyDictionary[Any, Guard] = WeakKeyDictionary()


def guard(shell: Any) -> None:
    """Keep secrets out of what `shell` keeps of cells."""
    unguard(shell)
    _GUARDS[shell] = Guard(shell)
    _GUARDS[shell].install()


def unguard(shell: Any) -> None:
    """Undo `guard`."""
    found = _GUARDS.pop(shell, None)
    if found is not None:
        found.remove()


def note_of(shell: Any) -> str:
    """See `Guard.note`."""
    found = _GUARDS.get(shell)
    return found.note() if found is not None else ""
