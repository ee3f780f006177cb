"""``jupyter transfer``. A command is imported when it is asked for: so help comes at once."""

from __future__ import annotations

import json
from importlib import import_module
from traceback import format_exc
from typing import TYPE_CHECKING, Any

import click

from ..errors import TransferError
from .codes import FAILED, NEEDS
from .line import has, remember

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "get": ("moving", "Fetch an address to this disk."),
    "put": ("moving", "Send a file or folder to an address."),
    "sync": ("moving", "Make one side equal to the other."),
    "cp": ("moving", "Copy from one address to another."),
    "archive": ("packing", "Make an archive of files and folders: zip, tar, tar.gz, tar.zst."),
    "extract": ("packing", "Extract an archive: zip, or tar of any compression."),
    "apply": ("applying", "Run the transfers that a file describes: DataCubes, or our own."),
    "export": ("applying", "Write a transfer of the Jupyter server as a DataCube."),
    "ls": ("looking", "Show what lies below an address."),
    "backends": ("looking", "Show the services that can be reached, and their flags."),
    "jobs": ("jobs", "List the transfers of the Jupyter server."),
    "show": ("jobs", "Show one transfer and its files."),
    "pause": ("jobs", "Pause transfers: what is there is kept."),
    "resume": ("jobs", "Let paused transfers go on."),
    "cancel": ("jobs", "Cancel transfers: what is not whole is thrown away."),
    "retry": ("jobs", "Try failed or cancelled transfers again."),
    "approve": ("jobs", "Approve what waiting transfers show."),
    "login": ("login", "Keep the login of a service where its own client does."),
    "completion": ("completion", "Print the script by which a shell completes commands."),
    "doctor": ("doctor", "See what is missing on this machine, and how to get it."),
}
"""Name -> the module that has it, and what it is for."""


class Commands(click.Group):
    """Commands that are imported late, whose errors are told as ours are."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Group`."""
        remember(ctx, args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See `click.Group`: in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See `click.Group`."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = getattr(module, cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """See `click.Group`: without importing every command."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for completion only

        return [
            *(
                CompletionItem(name, help=help)
                for name, (_, help) in COMMANDS.items()
                if name.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `click.Group`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """See `click.Group`."""
        try:
            return super().invoke(ctx)
        except TransferError as error:
            ctx.exit(_told(error))
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception:
            from ..secrets import redact  # noqa: PLC0415 - help needs none

            click.echo(redact(format_exc()), err=True)
            ctx.exit(FAILED)


def _told(error: TransferError) -> int:
    """Tell of `error`; the exit code."""
    from ..secrets import redact, redact_all  # noqa: PLC0415 - help needs none

    if has("--json"):
        click.echo(json.dumps({"error": redact_all(error.as_dict())}))
    else:
        click.echo(redact(f"{error}\n{error.remedy}"), err=True)
    return NEEDS if error.code in ("needs_credentials", "needs_decision") else FAILED


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="jupyter_transfer", prog_name="jupyter transfer")
def main() -> None:
    """Move files between this machine and the places where data lives.

    Every transfer goes on after a crash, is verified where the source states a digest, and leaves
    the old file in place until the new one is whole. The same command again moves nothing of what
    is there and right.
    """
