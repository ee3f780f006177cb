"""``extraArgs`` of a DataCube: what they mean to a job. An allow-list for each program, for many
arguments of rclone and git run commands, or read any file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import TransferError

Apply = Callable[[dict[str, Any], str], None]


def _set(name: str) -> Apply:
    return lambda options, value: options.__setitem__(name, value)


def _number(name: str) -> Apply:
    def apply(options: dict[str, Any], value: str) -> None:
        if not value.isdigit():
            raise TransferError("bad_request", f"extraArgs: “{value[:20]}” is no number.")
        options[name] = int(value)

    return apply


def _add(name: str) -> Apply:
    return lambda options, value: options.setdefault(name, []).append(value)


def _fixed(name: str, fixed: Any) -> Apply:
    return lambda options, value: options.__setitem__(name, fixed)


def _partial(options: dict[str, Any], value: str) -> None:
    if value != "blob:none":
        raise TransferError("bad_request", "extraArgs: only --filter=blob:none is supported.")
    options["partial"] = True


_IGNORED: Apply = lambda options, value: None  # noqa: E731 - how it is shown, how it is shared out

# Argument -> whether a value follows, and what it means.
_RCLONE: dict[str, tuple[bool, Apply]] = {
    "--include": (True, _add("include")),
    "--exclude": (True, _add("exclude")),
    "--filter": (True, _add("filter")),
    "--min-size": (True, _set("min_size")),
    "--max-size": (True, _set("max_size")),
    "--min-age": (True, _set("min_age")),
    "--max-age": (True, _set("max_age")),
    "--bwlimit": (True, _set("bandwidth")),
    "--ignore-existing": (False, _fixed("conflict", "skip")),
    "--transfers": (True, _IGNORED),
    "--checkers": (True, _IGNORED),
    "--multi-thread-streams": (True, _IGNORED),
    "--s3-chunk-size": (True, _IGNORED),
    "--s3-upload-concurrency": (True, _IGNORED),
    "--stats": (True, _IGNORED),
    "--progress": (False, _IGNORED),
    "-P": (False, _IGNORED),
    "--verbose": (False, _IGNORED),
    "-v": (False, _IGNORED),
    "-vv": (False, _IGNORED),
    "--fast-list": (False, _IGNORED),
}
_GIT: dict[str, tuple[bool, Apply]] = {
    "--depth": (True, _number("depth")),
    "--branch": (True, _set("ref")),
    "-b": (True, _set("ref")),
    "--filter": (True, _partial),
    "--single-branch": (False, _IGNORED),
    "--no-tags": (False, _IGNORED),
    "--progress": (False, _IGNORED),
    "--verbose": (False, _IGNORED),
    "-v": (False, _IGNORED),
    "--quiet": (False, _IGNORED),
    "-q": (False, _IGNORED),
}
_HUGGINGFACE: dict[str, tuple[bool, Apply]] = {
    "--include": (True, _add("include")),
    "--exclude": (True, _add("exclude")),
    "--revision": (True, _set("revision")),
    "--max-workers": (True, _IGNORED),
    "--cache-dir": (True, _IGNORED),  # that is the client's own
    "--quiet": (False, _IGNORED),
}
_ALLOWED = {"s3": _RCLONE, "git": _GIT, "huggingface": _HUGGINGFACE}


def options_of(type_: str, upload: bool, arguments: Sequence[str]) -> dict[str, Any]:
    """The options of a job that `arguments` stand for. Raises ``bad_request`` with the name of one
    that is not allowed."""
    allowed = _ALLOWED[type_]
    options: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in allowed:
            raise TransferError(
                "bad_request",
                f"DataCube: extraArgs: “{name[:60]}” is not allowed.",
                f"Use only: {', '.join(sorted(allowed))}.",
            )
        wants, apply = allowed[name]
        if wants and not equals:
            if not rest:
                raise TransferError("bad_request", f"DataCube: extraArgs: {name} wants a value.")
            value = rest.pop(0)
        elif equals and not wants:
            raise TransferError("bad_request", f"DataCube: extraArgs: {name} takes no value.")
        apply(options, value)
    return options
