"""What completes an argument or an option: `jupyter_transfer.cli.complete`, which is imported when
somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")


def by(name: str) -> Callable[..., list[CompletionItem[str]]]:
    """The function `name` of `jupyter_transfer.cli.complete`."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from . import complete  # noqa: PLC0415 - for completion only

        found: list[CompletionItem[str]] = getattr(complete, name)(ctx, param, incomplete)
        return found

    return complete


def file_option(*names: str, **options: Any) -> Callable[[Command], Command]:
    """An option that names a file."""
    return click.option(*names, metavar="FILE", shell_complete=by("path"), **options)


class Moving(click.Command):
    """A command whose addresses say which flags of services make sense."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """See `click.Command`: the flags of the services that are typed already, too."""
        items = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            from .complete import flags_of_services  # noqa: PLC0415 - for completion only

            items += flags_of_services(ctx, incomplete)
        return items
