"""``extraArgs`` of a DataCube: what they mean to a job. An allow-list for each program, for many
arguments of rclone and git run commands, or read any file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from ..errors import TransferError

Kind = Literal["text", "number", "amount", "list", "flag", "ignored"]


@dataclass(frozen=True)
class Argument:
    """What an argument means: the job's `option` gets its value, or `fixed` where it has none.

    Parameters
    ----------
    option: "" where it changes only how something is shown or shared out.
    fixed: the value that it stands for; an argument that wants one, wants this one then.
    wants: whether a value follows.
    """

    option: str = ""
    kind: Kind = "text"
    fixed: Any = None
    wants: bool = True

    def apply(self, options: dict[str, Any], value: str) -> None:
        """Say in `options` what the argument with `value` says. Raises ``bad_request``."""
        if self.kind == "number":
            if not (value.isascii() and value.isdigit()):
                raise TransferError("bad_request", f"extraArgs: “{value[:20]}” is no number.")
            options[self.option] = int(value)
        elif self.kind == "list":
            options.setdefault(self.option, []).append(value)
        elif self.kind == "flag":
            options[self.option] = self.fixed
        elif self.kind == "text":
            options[self.option] = value
        elif self.kind == "amount":
            # A number without a unit is KiB to rclone, and bytes here.
            options[self.option] = f"{value}K" if value.isdecimal() else value


_TEXT, _NUMBER = Argument, partial(Argument, kind="number")
_LIST, _AMOUNT = partial(Argument, kind="list"), partial(Argument, kind="amount")
_IGNORED = Argument(kind="ignored")
_SHOWN = Argument(kind="ignored", wants=False)


def _flag(option: str, fixed: Any = True) -> Argument:
    return Argument(option, "flag", fixed, wants=False)


class _OnlyBlobs(Argument):
    """``--filter`` of git, of which one is supported."""

    def apply(self, options: dict[str, Any], value: str) -> None:
        """See `Argument`."""
        if value != "blob:none":
            raise TransferError("bad_request", "extraArgs: only --filter=blob:none is supported.")
        options["partial"] = True


_RCLONE: dict[str, Argument] = {
    "--include": _LIST("include"),
    "--exclude": _LIST("exclude"),
    "--filter": _LIST("filter"),
    "--min-size": _AMOUNT("min_size"),
    "--max-size": _AMOUNT("max_size"),
    "--min-age": _TEXT("min_age"),
    "--max-age": _TEXT("max_age"),
    "--bwlimit": _AMOUNT("bandwidth"),
    "--ignore-existing": _flag("conflict", "skip"),
    "--max-delete": _NUMBER("max_delete"),
    "--checksum": _flag("compare", "checksum"),
    "-c": _flag("compare", "checksum"),
    "--size-only": _flag("compare", "size"),
    "--s3-region": _TEXT("region"),
    "--s3-storage-class": _TEXT("storage_class"),
    "--s3-acl": _TEXT("acl"),
    "--s3-server-side-encryption": _TEXT("sse"),
    "--s3-sse-kms-key-id": _TEXT("sse_kms_key_id"),
    "--s3-requester-pays": _flag("requester_pays"),
    "--transfers": _IGNORED,
    "--checkers": _IGNORED,
    "--multi-thread-streams": _IGNORED,
    "--s3-chunk-size": _IGNORED,
    "--s3-upload-concurrency": _IGNORED,
    "--stats": _IGNORED,
    "--progress": _SHOWN,
    "-P": _SHOWN,
    "--verbose": _SHOWN,
    "-v": _SHOWN,
    "-vv": _SHOWN,
    "--fast-list": _SHOWN,
}
_GIT: dict[str, Argument] = {
    "--depth": _NUMBER("depth"),
    "--branch": _TEXT("ref"),
    "-b": _TEXT("ref"),
    "--filter": _OnlyBlobs("partial", fixed=True),
    "--recurse-submodules": _flag("submodules"),
    "--single-branch": _SHOWN,
    "--no-tags": _SHOWN,
    "--progress": _SHOWN,
    "--verbose": _SHOWN,
    "-v": _SHOWN,
    "--quiet": _SHOWN,
    "-q": _SHOWN,
}
_HUGGINGFACE: dict[str, Argument] = {
    "--include": _LIST("include"),
    "--exclude": _LIST("exclude"),
    "--revision": _TEXT("revision"),
    "--repo-type": _TEXT("repo_type"),
    "--max-workers": _IGNORED,
    "--cache-dir": _IGNORED,  # that is the client's own
    "--quiet": _SHOWN,
}
_PUSH: dict[str, Argument] = {
    "--progress": _SHOWN,
    "--verbose": _SHOWN,
    "-v": _SHOWN,
    "--quiet": _SHOWN,
    "-q": _SHOWN,
}
_HUGGINGFACE_UPLOAD: dict[str, Argument] = {
    "--include": _LIST("include"),
    "--exclude": _LIST("exclude"),
    "--revision": _TEXT("revision"),
    "--repo-type": _TEXT("repo_type"),
    "--create-pr": _flag("create_pr"),
    "--private": _flag("private"),
    "--commit-message": _TEXT("commit_message"),
    "--quiet": _SHOWN,
}
_DOWNLOADS = {"s3": _RCLONE, "git": _GIT, "huggingface": _HUGGINGFACE}
_UPLOADS = {"s3": _RCLONE, "git": _PUSH, "huggingface": _HUGGINGFACE_UPLOAD}


def _allowed(type_: str, upload: bool) -> Mapping[str, Argument]:
    return (_UPLOADS if upload else _DOWNLOADS)[type_]


def options_of(type_: str, upload: bool, arguments: Sequence[str]) -> dict[str, Any]:
    """The options of a job that `arguments` stand for. Raises ``bad_request`` with the name of one
    that is not allowed."""
    allowed = _allowed(type_, upload)
    options: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        argument = allowed.get(name)
        if argument is None:
            raise TransferError(
                "bad_request",
                f"DataCube: extraArgs: “{name[:60]}” is not allowed.",
                f"Use only: {', '.join(sorted(allowed))}.",
            )
        if argument.wants and not equals:
            if not rest:
                raise TransferError("bad_request", f"DataCube: extraArgs: {name} wants a value.")
            value = rest.pop(0)
        elif equals and not argument.wants:
            raise TransferError("bad_request", f"DataCube: extraArgs: {name} takes no value.")
        argument.apply(options, value)
    return options


def arguments_of(type_: str, upload: bool, options: dict[str, Any]) -> list[str]:
    """The arguments that say what `options` do; what they say is taken out of these."""
    arguments: list[str] = []
    for name, argument in _allowed(type_, upload).items():
        value = options.get(argument.option)
        if value is None or (argument.fixed is not None and value != argument.fixed):
            continue
        del options[argument.option]
        if not argument.wants:
            arguments.append(name)
        elif isinstance(argument, _OnlyBlobs):
            arguments.append(f"{name}=blob:none")
        else:
            values = value if isinstance(value, list) else [value]
            arguments += [f"{name}={_text(argument, one)}" for one in values]
    return arguments


def _text(argument: Argument, value: Any) -> str:
    return f"{value}B" if argument.kind == "amount" and isinstance(value, int) else str(value)
