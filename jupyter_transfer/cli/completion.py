"""``completion``: the script that makes a shell complete ``jupyter transfer``."""

from __future__ import annotations

import click

from .shells import SCRIPTS


@click.command()
@click.argument("shell", type=click.Choice(sorted(SCRIPTS)))
def completion(shell: str) -> None:
    """Print the script for SHELL: what it has to run to complete commands, options, services, jobs
    and addresses.

    bash, in ~/.bashrc: eval "$(jupyter transfer completion bash)".
    zsh, in ~/.zshrc behind compinit: eval "$(jupyter transfer completion zsh)".
    fish: jupyter transfer completion fish > ~/.config/fish/completions/jupyter.fish.
    """
    click.echo(SCRIPTS[shell], nl=False)
