"""The client that every server here is measured with: its own process, raw sockets, sendfile.

It costs next to nothing and the same for all rivals, so that the difference is the servers'. It is
driven by JSON lines: a command on stdin, ``{"ready": true}`` when everything is prepared (files
open, bodies encoded), an empty line as the starting shot, then one line with the result. It uses
the standard library only and is started with ``-I -S``.
"""

from __future__ import annotations

import http.client
import json
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asking import get, poll
from small import stock_each, trickle, tus_each
from whole import put, segments, stock, tus

Action = Callable[[], dict[str, Any]]


def together(order: dict[str, Any]) -> Action:
    """Carry out several orders at once, a thread each, until the last has ended."""
    actions = [ACTIONS[one["op"]](one) for one in order["orders"]]

    def run() -> dict[str, Any]:
        with ThreadPoolExecutor(len(actions)) as pool:
            return {"results": [one.result() for one in [pool.submit(a) for a in actions]]}

    return run


ACTIONS: dict[str, Callable[[dict[str, Any]], Action]] = {
    "get": get,
    "poll": poll,
    "put": put,
    "segments": segments,
    "stock": stock,
    "stock_each": stock_each,
    "together": together,
    "trickle": trickle,
    "tus": tus,
    "tus_each": tus_each,
}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Carry out one command a line until stdin closes."""
    for line in sys.stdin:
        order = json.loads(line)
        try:
            action = ACTIONS[order["op"]](order)
            print(json.dumps({"ready": True}), flush=True)
            sys.stdin.readline()
            cpu, begin = _cpu(), time.monotonic()
            result = action()
            result |= {"seconds": time.monotonic() - begin, "cpu": _cpu() - cpu}
        except (OSError, ValueError, http.client.HTTPException) as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
