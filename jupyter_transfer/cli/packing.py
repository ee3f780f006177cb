"""``archive`` and ``extract``: the commands that pack files and unpack archives."""

from __future__ import annotations

from typing import Any

import click

from ..archives.charsets import CHARSETS
from ..archives.suffixes import folder_for
from ..joboptions import PACK_FORMATS
from .completing import by
from .flags import of_archives, of_output
from .moving import run


@click.command()
@click.argument("paths", nargs=-1, required=True, shell_complete=by("path"))
@click.option(
    "-o",
    "--output",
    "file",
    required=True,
    metavar="FILE",
    help="The archive to make.",
    shell_complete=by("path"),
)
@click.option(
    "--format", type=click.Choice(PACK_FORMATS), help="Where the name of FILE does not say it."
)
@of_output
@of_archives
def archive(paths: tuple[str, ...], file: str, **values: Any) -> None:
    """Make an archive of the files and folders PATHS.

    It gets its name when it is whole. A file that changes meanwhile makes it fail: there is no
    wrong archive.
    """
    run("pack", paths[0], file, {**values, "paths": paths[1:]})


@click.command()
@click.argument("file", shell_complete=by("path"))
@click.argument("folder", default="", metavar="[DIR]", shell_complete=by("path"))
@click.option(
    "--encoding",
    type=click.Choice(CHARSETS),
    help="What names are in that do not say it; found out unless given.",
)
@click.option("--max-files", type=int, help="Entries at most; 1,000,000 unless given.")
@click.option("--max-bytes", metavar="SIZE", help="Bytes of all files at most: 500M, 10G.")
@click.option(
    "--max-ratio", type=int, help="How many times as large as FILE they may be; 250 unless given."
)
@of_output
@of_archives
def extract(file: str, folder: str, **values: Any) -> None:
    """Extract the archive FILE into the folder DIR.

    Without DIR, into a new folder in this one that is called as the archive. The same command
    again goes on where the last one stopped, and writes nothing that is there and right.
    """
    name = file.rstrip("/").rpartition("/")[2]
    run("extract", file, folder or folder_for(name), values)
