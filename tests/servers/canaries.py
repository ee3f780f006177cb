"""Whether a secret shows anywhere: in what is told, what is written, and what other users of the
machine can see of our processes."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms_of(secret: str) -> set[str]:
    """`secret` as it may stand in a text: plain, in a URL, in JSON, in base64 wherever it begins
    within a group of three bytes."""
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms |= {form.replace("%2F", "%2f").replace("%2B", "%2b") for form in forms}
    forms.add(json.dumps(secret)[1:-1])
    for shift in range(3):
        data = bytes(shift) + secret.encode()
        forms.add(base64.b64encode(data[: len(data) // 3 * 3]).decode()[4 if shift else 0 :])
    return forms


class Watch:
    """Collects texts, and samples the arguments and environments of child processes meanwhile."""

    def __init__(self) -> None:
        self._before = {path.name for path in descendants()}
        self.texts: dict[str, str] = {}
        self.arguments: set[str] = set()
        self.environments: set[str] = set()
        self.programs: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def see(self, where: str, text: str) -> None:
        """Remember a text, with where it was seen."""
        self.texts[where] = self.texts.get(where, "") + text

    def see_files(self, folder: Path) -> None:
        """Remember the bytes of all files below `folder`."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.see(str(path), path.read_bytes().decode("latin-1"))

    def stop(self) -> None:
        """Sample no more."""
        self._end.set()
        self._thread.join()

    def found(self, secrets: Iterable[str]) -> list[tuple[str, str]]:
        """Where which of `secrets` shows."""
        texts = {**self.texts, "arguments": "\n".join(self.arguments)}
        return [
            (secret, where)
            for secret in secrets
            for where, text in texts.items()
            if any(form in text for form in forms_of(secret))
        ]

    def _sample(self) -> None:
        while not self._end.wait(0.01):
            for process in descendants():
                if process.name in self._before:
                    continue
                try:
                    arguments = (process / "cmdline").read_bytes().decode(errors="replace")
                    environment = (process / "environ").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                self.arguments.add(arguments)
                self.programs.add(Path(arguments.partition("\0")[0]).name)
                self.environments.add(f"{arguments}\0{environment}")


def descendants() -> list[Path]:
    """The processes that this one has started, and theirs."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return [Path(f"/proc/{pid}") for pid in found - {os.getpid()}]


@contextmanager
def watching() -> Iterator[Watch]:
    """A `Watch` for the length of a ``with`` block."""
    watch = Watch()
    try:
        yield watch
    finally:
        watch.stop()
