"""What a job that sends files has begun and finished, for whoever goes on after a crash.

It lies in the state folder, not beside the user's files, which may not be ours to write to.
Records, oldest first::

    {"kind": "send", "version": 1, "route": "<sha256 of source and destination>"}
    {"job": {"kind": …, "source": …, "destination": …, "options": …,
     "ambient": …}}          to remove it without a row
    {"begin": "a/b", "file": <State>, "target": {...}, "state": {...}}
    {"whole": "a/b"}             all of it is there; now it gets its final name
    {"done": "a/b", "row": {...}}     the row of the report
    {"drop": "a/b"}              what was begun is gone from the service

How much of a file the service holds is not in it: the service is asked (`Sink.begin`).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..ambient import Ambient
from ..backends.base import Validators
from ..errors import TransferError
from ..records import Record, RecordFile, as_line
from .local import Identity
from .original import State

VERSION = 1


@dataclass(frozen=True)
class Target:
    """Where one file goes, and what may be replaced there (see `SourceFile`)."""

    address: str
    replace: bool = False
    replaces: Validators | None = None

    def as_dict(self) -> dict[str, Any]:
        """The target as JSON."""
        replaces = None if self.replaces is None else self.replaces.as_dict()
        return {"address": self.address, "replace": self.replace, "replaces": replaces}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Target:
        """The target that `as_dict` wrote."""
        replaces = value["replaces"]
        known = None if replaces is None else Validators.from_dict(replaces)
        return cls(value["address"], bool(value["replace"]), known)


@dataclass(frozen=True)
class Begun:
    """A file whose sending has begun: its identity then, where to, the state of its sink, and
    whether all of it is there."""

    identity: State
    target: Target
    state: dict[str, Any]
    whole: bool = False


class SendJournal:
    """The journal of one job; kept in memory only where there is no state folder.

    Parameters
    ----------
    options, ambient: of the job, as its row has them: nothing secret.
    read_state: the state of a file from the JSON that it made of itself.

    Raises ``conflict`` while another process has it, ``disk_full`` …
    """

    def __init__(
        self,
        state_dir: str | None,
        id: str,
        source: str,
        destination: str,
        *,
        kind: str = "send",
        options: Mapping[str, Any] | None = None,
        ambient: Ambient = "none",
        read_state: Callable[[Any], State] = Identity.from_json,
    ) -> None:
        self._read_state = read_state
        self.begun: dict[str, Begun] = {}
        self.done: dict[str, tuple[State, Record]] = {}
        self._file: RecordFile | None = None
        self._lock = threading.Lock()
        self._unwritten: list[bytes] = []
        if state_dir is None:
            return
        self._file = RecordFile(os.path.join(state_dir, "jobs"), f"{id}.journal")
        header = {"kind": kind, "version": VERSION, "route": _route(source, destination)}
        records = self._file.read()
        if records and records[0] == header:
            for record in records[1:]:
                self._learn(record)
        elif not records:
            self._file.append(header)
            told = {"kind": kind, "source": source, "destination": destination}
            self._file.append({"job": {**told, "options": dict(options or {}), "ambient": ambient}})
        else:
            raise AssertionError("a job never changes its addresses")

    def _learn(self, record: Record) -> None:
        if "begin" in record:
            self.begun[record["begin"]] = Begun(
                self._read_state(record["file"]),
                Target.from_dict(record["target"]),
                record["state"],
            )
        elif "whole" in record:
            path = record["whole"]
            self.begun[path] = replace(self.begun[path], whole=True)
        elif "done" in record:
            self.done[record["done"]] = self._read_state(record["file"]), record["row"]
            self.begun.pop(record["done"], None)
        elif "drop" in record:
            self.begun.pop(record["drop"], None)

    def _add(self, record: Record, *, sync: bool = True, hold: bool = False) -> None:
        line = as_line(record)
        self._unwritten.append(line)
        with self._lock:
            if line in self._unwritten and not hold:
                self._write(line)
            self._learn(record)
        if self._file is not None and sync:
            self._file.sync()

    def _write(self, own: bytes) -> None:
        """Write what all lanes have to say: who comes first does so for those that wait. After a
        failure each of them tries by itself."""
        lines = list(self._unwritten)
        try:
            if self._file is not None:
                self._file.append_lines(b"".join(lines))
        except TransferError:
            lines = [own]
            raise
        finally:
            for line in lines:
                self._unwritten.remove(line)

    def begin(
        self,
        path: str,
        identity: State,
        target: Target,
        state: Mapping[str, Any],
        *,
        sync: bool = True,
    ) -> None:
        """The sending of `path` has begun, and its sink is in `state`."""
        self._add(
            {
                "begin": path,
                "file": identity.as_json(),
                "target": target.as_dict(),
                "state": dict(state),
            },
            sync=sync,
        )

    def whole(self, path: str, *, sync: bool = True, published: bool = False) -> None:
        """All of `path` is there. With `sync` on disk before the file gets its name: what stands
        there then is known to be ours, whatever happens. Where it is `published` already the
        service knows as much."""
        if published:
            self._learn({"whole": path})
        else:
            self._add({"whole": path}, sync=sync)

    def finish(self, path: str, identity: State, row: Record, *, hold: bool = False) -> None:
        """`path` is done, as `row` of the report says. Lost in a power cut, this is found anew;
        with `hold` also when this process ends before it writes the next record, or `close`."""
        record = {"done": path, "file": identity.as_json(), "row": row}
        self._add(record, sync=False, hold=hold)

    def drop(self, path: str) -> None:
        """What was sent of `path` is gone from the service."""
        self._add({"drop": path}, sync=False)

    def close(self) -> None:
        """Let go of the journal; it stays."""
        if self._file is not None:
            with suppress(TransferError):
                self._file.append_lines(b"".join(self._unwritten))
            self._file.close()

    def remove(self) -> None:
        """Remove the journal: everything is done and saved, or dropped."""
        if self._file is not None:
            self._file.remove()


def _route(source: str, destination: str) -> str:
    text = f"{source}\n{destination}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()
