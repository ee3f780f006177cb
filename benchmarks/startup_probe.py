"""What importing and loading the extension costs inside a server that is ready.

`python -m benchmarks.startup_probe [server arguments]` prints one JSON line: seconds of ``import``
and ``load``, ``cpu`` seconds of both, the number of new ``modules`` and the ``costly`` ones,
measured apart under ``-X importtime`` with everything that the server had loaded already in place.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from jupyter_server.serverapp import ServerApp

NAME = "jupyter_transfer"


def main() -> None:
    """Measure and print."""
    app = ServerApp()
    app.initialize(argv=sys.argv[1:])
    app.reraise_server_extension_failures = True
    before = set(sys.modules)
    begin, cpu = time.perf_counter(), time.process_time()
    __import__(f"{NAME}.app")
    imported = time.perf_counter()
    manager = app.extension_manager
    manager.add_extension(NAME, enabled=True)
    manager.link_extension(NAME)
    manager.load_extension(NAME)
    loaded, spent = time.perf_counter(), time.process_time() - cpu
    result = {
        "import": imported - begin,
        "load": loaded - imported,
        "cpu": spent,
        "modules": len(set(sys.modules) - before),
        "costly": _costly(before),
    }
    print(json.dumps(result))


def _costly(present: set[str]) -> list[tuple[str, float]]:
    """The ten costliest modules of the import, in milliseconds, those `present` left out."""
    code = f"import jupyter_server.serverapp, sys; sys.stderr.write('--\\n'); import {NAME}.app"
    command = [sys.executable, "-X", "importtime", "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    found = []
    for line in answer.partition("--\n")[2].splitlines():
        head, _, rest = line.partition(":")
        fields = rest.split("|")
        if head == "import time" and len(fields) == 3 and fields[0].strip().isdecimal():
            name = fields[2].strip()
            if name not in present:
                found.append((name, int(fields[0]) / 1000))
    return sorted(found, key=lambda pair: -pair[1])[:10]


if __name__ == "__main__":
    main()
