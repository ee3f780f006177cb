"""A hub of Hugging Face for the benchmarks: the stand-in of the tests, in a process of its own.

`python -m benchmarks.hubserver FOLDER` makes a repository ``owner/NAME`` of each folder in FOLDER,
all its files large ones if it is called ``large``. It prints its addresses as JSON; from then on
each line on standard input is the address at which it says that its store is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import REPOSITORY, Server, end

LARGE = "large"


@dataclass
class HubServer:
    """A running hub: its own server, and the one that large files lie on."""

    process: subprocess.Popen[str]
    hub: Server
    store: Server

    def say_store_is(self, url: str) -> None:
        """From now on the hub sends those who want large files to `url`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(url.rstrip("/") + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()


@contextmanager
def hub_server(folder: Path) -> Iterator[HubServer]:
    """A hub of what lies in `folder`."""
    command = [sys.executable, "-m", "benchmarks.hubserver", str(folder)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    try:
        assert process.stdout is not None
        hub, store = json.loads(process.stdout.readline())
        servers = (Server(process.pid, f"{url}/", folder) for url in (hub, store))
        yield HubServer(process, *servers)
    finally:
        end(process)


def _serve(folder: Path) -> None:
    from tests.servers.huggingface import running_hub  # noqa: PLC0415 - in the child only

    with running_hub() as hub:
        for repo in folder.iterdir():
            names = [path for path in repo.rglob("*") if path.is_file()]
            files = {path.relative_to(repo).as_posix(): path.read_bytes() for path in names}
            hub.repo(f"owner/{repo.name}").commit(files, lfs=repo.name == LARGE)
        print(json.dumps([hub.url, hub.store_url]), flush=True)
        for line in sys.stdin:
            hub.store_url = line.strip()
            print(flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
