"""The flags of the commands: those of every job, and those that the backends declare.

A declared option ``cache_dir`` is the flag ``--cache-dir``. What is secret never stands in an
argument, which every process of the machine can read: its flag takes a reference (``env:NAME``,
``file:PATH``, ``keyring:…``), or ``-`` to be asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from ..backends import load_all
from ..backends.base import Option
from ..backends.ends import PREFIX
from ..joboptions import COMPARISONS
from ..names import CONFLICTS
from ..secrets import ask_secret, is_reference
from .completing import by, file_option

Command = Callable[..., Any]

ASK = "-"

OUTPUT = ("as_json", "quiet", "server", "local", "token_file", "ca_file")
"""What `of_output` adds."""

_TYPES: dict[str, Any] = {"integer": int, "number": float}


def of_output(command: Command) -> Command:
    """What is shown, and where it runs."""
    for option in reversed(
        [
            click.option("--json", "as_json", is_flag=True, help="One JSON object a line."),
            click.option("-q", "--quiet", is_flag=True, help="Show errors only."),
            click.option(
                "--server",
                metavar="URL",
                help="The Jupyter server to use.",
                shell_complete=by("server"),
            ),
            click.option("--local", is_flag=True, help="Run it here, not on a Jupyter server."),
            file_option("--token-file", help="File with that server's token."),
            file_option("--ca-file", help="Further certificate authorities (PEM)."),
        ]
    ):
        command = option(command)
    return command


def of_jobs(command: Command) -> Command:
    """The options of every job, and all that the backends declare."""
    for option in reversed([*_general(), *_declared()]):
        command = option(command)
    return command


def of_looks(command: Command) -> Command:
    """The options that the backends declare, for commands that only look."""
    for option in reversed([*_login(), *_declared()]):
        command = option(command)
    return command


def of_archives(command: Command) -> Command:
    """The options of jobs that make an archive, or files of one."""
    for option in reversed([*_choosing(), _conflict(), _dry_run()]):
        command = option(command)
    return command


def _general() -> Iterator[Command]:
    yield from _choosing()
    yield _conflict()
    yield click.option(
        "--bandwidth", metavar="RATE", help="Bytes a second: 5M, or “08:00,512k 19:00,off”."
    )
    yield click.option("--connections", type=int, help="To one host, at most.")
    yield click.option(
        "--retries",
        "--max-retries",
        "max_retries",
        type=int,
        help="Attempts in a row that move no byte.",
    )
    yield click.option("--max-duration", type=int, metavar="SECONDS", help="Of one attempt.")
    yield _dry_run()
    yield click.option("-y", "--yes", is_flag=True, help="Approve what the plan deletes.")
    yield from _login()


def _choosing() -> Iterator[Command]:
    many: dict[str, Any] = {"multiple": True, "metavar": "PATTERN"}
    yield click.option("--include", **many, help="Only these files; may be repeated.")
    yield click.option("--exclude", **many, help="Not these files; may be repeated.")
    yield click.option("--filter", **many, help="A rule as rclone has them: “+ *.csv”, “- *”.")
    yield click.option("--min-size", metavar="SIZE", help="Smaller files are left out: 500K, 1G.")
    yield click.option("--max-size", metavar="SIZE", help="Larger files are left out.")
    yield click.option("--min-age", metavar="AGE", help="Newer files are left out: 30d, a date.")
    yield click.option("--max-age", metavar="AGE", help="Older files are left out.")


def _conflict() -> Command:
    return click.option(
        "--conflict",
        type=click.Choice(CONFLICTS),
        help="What to do about a file that is there and not ours.",
    )


def _dry_run() -> Command:
    return click.option("--dry-run", is_flag=True, default=None, help="Show what would be done.")


def _login() -> Iterator[Command]:
    yield click.option("--username", help="Who asks at the service.")
    yield click.option(
        "--password", metavar="REFERENCE", help="env:NAME, file:PATH, or - to be asked."
    )


def of_syncs(command: Command) -> Command:
    """The options that only syncs have."""
    for option in reversed(
        [
            click.option("--compare", type=click.Choice(COMPARISONS), help="How files differ."),
            click.option(
                "--max-delete",
                type=int,
                help="Files that may be deleted at most; --yes alone is good for half of them.",
            ),
            click.option("--trash", metavar="FOLDER", help="Move there what would be deleted."),
        ]
    ):
        command = option(command)
    return command


def of_services() -> set[str]:
    """Names of the options of all services."""
    return {"username", "password", *_options()}


def _options() -> dict[str, Option]:
    options: dict[str, Option] = {}
    for backend in load_all().values():
        for option in backend.options:
            options.setdefault(option.name, option)
    for name in ("username", "password"):
        options.pop(name, None)
    return options


def _declared() -> Iterator[Command]:
    """Hidden in the help of a command, of which they would be most: see ``backends NAME``."""
    for option in _options().values():
        for prefix in ("", PREFIX):
            yield _flag(prefix + option.name, option)


def flag_of(name: str) -> str:
    """The flag of the option `name`."""
    return "--" + name.replace("_", "-")


def _flag(name: str, option: Option) -> Command:
    flag = flag_of(name)
    if option.type == "flag":
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, hidden=True)
    kind = click.Choice(option.choices) if option.choices else _TYPES.get(option.type, str)
    return click.option(flag, name, type=kind, default=None, hidden=True)


def options_in(values: dict[str, Any]) -> dict[str, Any]:
    """The options of a job among the values of the flags; asks for secrets that are to be asked
    for. Raises a usage error for a secret that stands in the command."""
    options: dict[str, Any] = {}
    for name, value in values.items():
        if value is None or value == () or (name == "yes" and not value):
            continue
        if name == "yes":
            options["approve"] = True
        elif name == "trash":
            options["trash"] = value or True
        else:
            options[name] = list(value) if isinstance(value, tuple) else _opened(name, value)
    return options


def _opened(name: str, value: Any) -> Any:
    if name.removeprefix(PREFIX) not in secret_options() or is_reference(value):
        return value
    if value == ASK:
        return ask_secret(f"{name.replace('_', ' ')}: ")
    raise click.UsageError(
        f"{flag_of(name)}: what stands in a command can be read by everybody on this machine. "
        f"Give env:NAME or file:PATH, or {ASK} to be asked for it."
    )


def secret_options() -> frozenset[str]:
    """Names of the options that no command may hold the value of."""
    declared = (o for backend in load_all().values() for o in backend.options)
    return frozenset({"password", *(o.name for o in declared if o.secret)})
