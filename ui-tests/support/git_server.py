"""A git server for the browser tests: says its address, and ends when its input does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.servers.git import running_git

with running_git(Path(sys.argv[1])) as server:
    repository = server.repository("field-data")
    repository.commit(
        {
            "plots.csv": b"plot,tree\n1,oak\n",
            "notes.md": b"# Notes\n",
            "old.csv": b"1\n",
        }
    )
    sys.stdout.write(f"{repository.url}\n")
    sys.stdout.flush()
    sys.stdin.read()
