"""How a line may go on: services, addresses that are there, jobs, flags of the services.

Nothing that is asked for here may take long, say anything, or ask the person anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from .. import servers
from ..backends import find, is_remote, load_all
from ..backends.ends import PREFIX
from ..spec import State
from .flags import ASK, of_services, options_in
from .local import look
from .logins import LOGINS
from .served import client_for

PATIENCE = 2.0
"""Seconds that a person waits for the end of a word."""

Items = list["CompletionItem[str]"]
Answer = TypeVar("Answer")


def flags_of_services(ctx: click.Context, incomplete: str) -> Items:
    """Flags of the services whose addresses are typed already."""
    typed = [str(value) for value in ctx.params.values() if isinstance(value, str)]
    ends = [address for address in typed if "://" in address]
    names: set[str] = set()
    for address in ends:
        with suppress(Exception):
            names |= {option.name for option in find(address).options}
    if len(ends) > 1:
        names |= {PREFIX + name for name in names}
    return [
        CompletionItem(flag, help=param.help)
        for param in ctx.command.params
        if isinstance(param, click.Option) and param.hidden and param.name in names
        for flag in param.opts
        if flag.startswith(incomplete) and ctx.params.get(str(param.name)) is None
    ]


def address(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """The services, and what lies below an address as far as it is typed."""
    if "://" not in incomplete:
        return _starting(incomplete, _schemes())
    return [CompletionItem(found) for found in _below(ctx, incomplete)]


def path(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Files of this machine: the shell knows them."""
    return [CompletionItem(incomplete, type="file")]


def path_or_address(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Either."""
    found = address(ctx, param, incomplete) if incomplete else []
    return found or path(ctx, param, incomplete)


def job(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Ids of jobs, newest first, with what they are about."""

    def ask() -> list[tuple[str, str]]:
        p = ctx.params
        client = client_for(None, p.get("server"), p.get("token_file"), p.get("ca_file"))
        listed = [] if client is None else [one.data for one in client.jobs()]
        return [(one["id"][:8], f"{one['state']}: {one['source']}") for one in listed]

    return [
        CompletionItem(id, help=help)
        for id, help in _within_patience(ask)
        if id.startswith(incomplete)
    ]


def state(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """States of jobs."""
    return _starting(incomplete, [one.value for one in State])


def service(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Names of services."""
    return _starting(incomplete, load_all())


def login(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Services to log in to."""
    return _starting(incomplete, [*LOGINS, "rclone"])


def server(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Addresses of servers that run here."""
    return _starting(incomplete, [one.url for one in servers.running()])


def _starting(incomplete: str, values: Iterable[str]) -> Items:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]


def _schemes() -> list[str]:
    return sorted({f"{s}://" for backend in load_all().values() for s in backend.schemes})


def _below(ctx: click.Context, incomplete: str) -> list[str]:
    parent = incomplete[: incomplete.rindex("/") + 1]
    values = {name: ctx.params.get(name) for name in of_services()}
    if not is_remote(incomplete) or ASK in values.values():
        return []

    def ask() -> list[str]:
        entries = look("browse", parent, options_in(values), ctx.params.get("ca_file"))["entries"]
        return [_typed(parent, entry) for entry in entries if "\n" not in entry["path"]]

    return [one for one in _within_patience(ask) if one.startswith(incomplete)]


def _typed(parent: str, entry: dict[str, Any]) -> str:
    address = str(entry["address"])
    full = address if address.startswith(parent) else parent + str(entry["path"])
    return f"{full.rstrip('/')}/" if entry["folder"] else full


def _within_patience(ask: Callable[[], list[Answer]]) -> list[Answer]:
    """What `ask` gives, or nothing when it fails or takes too long."""
    answers: list[Answer] = []

    def run() -> None:
        with suppress(Exception):
            answers.extend(ask())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answers
