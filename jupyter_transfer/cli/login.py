"""``login``: keep the login of a service where its official client would.

A secret is typed without being shown, or read from a file or standard input. It never stands in a
command: what looks like one there is refused, and not repeated.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import click

from ..backends import rclone_program
from ..secrets import ask_secret, save_keyring, secret_from
from ..tools import hand_over
from .codes import FAILED
from .completing import by, file_option
from .local import look
from .logins import LOGINS, Entered, Login, check_address

RCLONE = "rclone"


@click.command()
@click.argument("backend", shell_complete=by("login"))
@click.argument("where", nargs=-1, metavar="[ADDRESS]", shell_complete=by("address"))
@click.option("--username", metavar="NAME", help="User name, or access key id.")
@file_option("--token-file", help="Read the secret there; - is standard input.")
@click.option("--profile", default="default", metavar="NAME", help="Of AWS: which profile.")
@click.option("--endpoint", metavar="URL", help="Of another hub or S3 service.")
@click.option("--region", metavar="REGION", help="Of AWS.")
@click.option("--keyring", metavar="SERVICE/USER", help="Keep it in the keyring instead.")
@click.option("--check/--no-check", default=True, help="Ask the service first; the default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@file_option("--ca-file", help="Further certificate authorities (PEM).")
def login(backend: str, where: tuple[str, ...], **values: Any) -> None:
    """Log in to BACKEND: huggingface, modelscope, s3, rclone; http, ftp, sftp, git: with ADDRESS.

    The login is checked at the service, then kept where the official client of that service
    keeps it.
    """
    if backend == RCLONE:
        _rclone(where)
        return
    kind = LOGINS.get(backend)
    if kind is None:  # not repeated: it may be a secret
        raise click.UsageError(f"Log in to one of: {', '.join([*LOGINS, RCLONE])}.")
    given = _entered(backend, kind, where, values)
    name = kind.check(given) if values["check"] else ""
    if values["keyring"]:
        reference = f"keyring:{values['keyring']}"
        save_keyring(reference, given.secret)
        told = {"stored": [reference]}
        remark = f"Use it with --{kind.option.replace('_', '-')} {reference}."
    else:
        told, remark = {"stored": kind.keep(given, name)}, kind.remark(given)
    if values["as_json"]:
        click.echo(json.dumps({"backend": backend, "checked": values["check"], **told}))
        return
    checked = "The service accepts it. " if values["check"] else "Not checked. "
    click.echo(f"{checked}Kept in {', '.join(told['stored'])}.")
    if remark:
        click.echo(remark)


def _entered(backend: str, kind: Login, where: tuple[str, ...], values: dict[str, Any]) -> Entered:
    if len(where) != int(kind.takes_address):
        raise click.UsageError(
            "Give the address of the service."
            if not where
            else "A secret never stands in a command: it is asked for, or read by --token-file."
        )
    if where:
        check_address(backend, where[0])
    given = Entered(
        "",
        values["username"] or "",
        where[0] if where else "",
        values["profile"],
        values["endpoint"],
        values["region"],
        values["ca_file"],
    )
    if kind.name_of_user and not given.username:
        if not sys.stdin.isatty():
            raise click.UsageError(f"Give the {kind.name_of_user}: --username NAME.")
        given = replace(given, username=click.prompt(kind.name_of_user, err=True))
    return replace(given, secret=_secret(kind, values["token_file"]))


def _secret(kind: Login, file: str | None) -> str:
    if file is None and sys.stdin.isatty():
        secret = ask_secret(f"{kind.name_of_secret}: ").strip()
        if not secret:
            raise click.UsageError("Nothing was typed.")
        return secret
    return secret_from(file or "-")


def _rclone(where: tuple[str, ...]) -> None:
    """rclone asks its own questions, and writes its own configuration."""
    if len(where) > 1 or (where and not where[0].rstrip(":").replace("-", "_").isidentifier()):
        raise click.UsageError("Give the name of a remote of rclone, or nothing.")
    if not sys.stdin.isatty():
        raise click.UsageError("rclone asks its questions at a terminal.")
    remote = where[0].rstrip(":") if where else ""
    verb = ["reconnect", f"{remote}:"] if remote else []
    arguments = [rclone_program.program(), "config", *verb]
    if hand_over(arguments, rclone_program.environment()):
        click.get_current_context().exit(FAILED)
    if remote:
        look("browse", f"rclone://{remote}/", {}, None)
        click.echo(f"The remote {remote} can be listed.")
