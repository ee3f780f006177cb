"""A Jupyter server that says at its end which modules it had loaded.

`python -m benchmarks.jupyter` is `jupyter server`; with BENCHMARK_MODULES=FILE in the environment
it writes the names in `sys.modules` to FILE when it stops.
"""

from __future__ import annotations

import atexit
import os
import sys


def _write_modules(path: str) -> None:
    with open(path, "w") as file:
        file.write("\n".join(sorted(sys.modules)))


def main() -> None:
    """Run the server with the arguments of the command line."""
    if path := os.environ.get("BENCHMARK_MODULES"):
        atexit.register(_write_modules, path)
    from jupyter_server.serverapp import main as serve  # noqa: PLC0415

    serve()


if __name__ == "__main__":
    main()
