"""A branch of a repository of Hugging Face while a job sends files to it: see `hub_known`; here
which files go by LFS, and pull requests."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from posixpath import commonpath
from typing import Any
from urllib.parse import quote

from ..errors import TransferError
from .git_lfs import TYPE
from .hub_address import Place
from .hub_client import HubClient
from .hub_errors import nobody_writes
from .hub_known import Branch, Known
from .hub_listing import File, Folder
from .sink import SourceFile

SEVERAL = 50
"""Paths from which on their folder is listed rather than each of them asked for."""

SMALL = 1 << 20
"""Bytes of a file up to which it is read beforehand, so that the store is asked about many."""

LISTED = 1000
"""Rows of one answer of the hub about a folder."""

SAMPLE = 512
"""Bytes of the start of a file by which the hub tells text from other data."""


@dataclass(frozen=True)
class Mode:
    """How a file is sent: by LFS, or in the commit; `ignored`: by the repository's .gitignore."""

    lfs: bool
    ignored: bool = False


@dataclass(frozen=True)
class Expected:
    """A file as it was when the store was asked about it, and the `row` that the store answered."""

    size: int
    mtime_ns: int | None
    oid: str
    row: Any


class HuggingFaceBranch(Branch):
    """The branch as one thread uses it.

    Parameters
    ----------
    create: whether a repository that is not there is made; `private`: seen by its members only.
    request: whether what is sent becomes a pull request.
    """

    exact = True

    def __init__(
        self,
        client: HubClient,
        known: Known,
        *,
        create: bool,
        private: bool,
        request: bool,
    ) -> None:
        super().__init__(known, create=create)
        self.client = client
        self._request = request
        self._private = private

    @property
    def as_pull_request(self) -> bool:
        """Whether the next commit opens a pull request."""
        return self._request and self.known.request is None

    @property
    def name(self) -> str:
        """The name of the branch."""
        return self.place.revision or "main"

    def api(self, act: str) -> str:
        """The address at which the hub does `act` with the branch."""
        kind, branch = self.place.kind or "model", quote(self.name, safe="")
        request = "?create_pr=1" if self.as_pull_request else ""
        return f"{self.client.hub}/api/{kind}s/{self.place.repo}/{act}/{branch}{request}"

    def _head_now(self) -> str | None:
        try:
            return self.client.facts(self.place).commit
        except TransferError as error:
            if self._create and error.detail.get("kind") == "no_repository":
                return None
            raise

    def _at(self, head: str, paths: Sequence[str]) -> Mapping[str, File | Folder]:
        if SEVERAL <= len(paths) < LISTED:
            listed = self._below(head, commonpath([path.rpartition("/")[0] for path in paths]))
            if listed is not None:
                return {path: listed[path] for path in paths if path in listed}
        return self.client.at(replace(self.place, revision=head), paths)

    def _below(self, head: str, folder: str) -> dict[str, File | Folder] | None:
        """All that lies below `folder`, or below one above it, if one answer can tell: of a new
        folder that is nothing, and then none of its files need be asked for."""
        known, above = self.known.folders, folder
        while True:
            commit, listed = known.get(above, ("", {}))
            if commit == head or listed is None:
                return listed
            if not above:
                break
            above = above.rpartition("/")[0]
        rows = self._listed(replace(self.place.below(folder, is_folder=True), revision=head))
        known[folder] = head, rows
        return rows

    def _listed(self, place: Place) -> dict[str, File | Folder] | None:
        try:
            rows = list(islice(self.client.tree(place, recursive=True), LISTED))
        except TransferError as error:
            if error.code != "remote_not_found":
                raise
            return {}
        return {row.path: row for row in rows} if len(rows) < LISTED else None

    def follow(self, pull_request: str) -> None:
        """What comes now belongs to a pull request, known by the address of its page. Raises
        ``remote_lied``."""
        number = pull_request.rstrip("/").rpartition("/")[2]
        if not number.isdigit():
            raise TransferError("remote_lied", "The hub does not name the pull request.")
        self.known.place = replace(self.place, revision=f"refs/pr/{number}")
        self.known.request = pull_request

    def of_request(self, pull_request: str) -> HuggingFaceBranch:
        """The branch of a pull request, to look at. Raises ``remote_lied``."""
        known = Known(self.place)
        other = HuggingFaceBranch(self.client, known, create=False, private=False, request=False)
        other.follow(pull_request)
        return other

    # -- before something is sent --

    def _require_token(self) -> None:
        if not self.client.has_token:
            raise nobody_writes(f"{self.client.hub}/settings/tokens", self.place)

    def _make(self) -> None:
        if self.place.kind == "space":
            raise TransferError(
                "bad_request",
                "A new space needs more than files: which kit it is made with.",
                f"Make it at {self.client.hub}/new-space, then send the files.",
            )
        try:
            self.client.create(self.place, private=self._private)
        except TransferError as error:
            if error.code != "remote_refused":  # somebody else may have made it meanwhile
                raise

    def modes(self, files: Sequence[tuple[str, SourceFile]]) -> list[Mode]:
        """How each of `files` is sent to its path."""
        known = self.known
        with known.lock:
            asked = [(path, source) for path, source in files if path not in known.modes]
            if asked:
                self.prepare()
                told = self._preupload(asked)
                for path, source in asked:
                    known.modes[path] = _mode(path, source, told.get(path))
            return [known.modes[path] for path, _ in files]

    def expect(self, files: Sequence[tuple[str, SourceFile]]) -> None:
        """Ask the store at once about the small ones of `files` that go to it and are new there:
        `expected` tells what it said."""
        known, oids = self.known, dict[str, str]()
        meant = [
            (path, source)
            for path, source in files
            if known.modes[path].lfs and source.size <= SMALL and known.there.get(path) is None
        ]
        for path, source in meant:
            assert source.read is not None
            with suppress(TransferError):  # who sends it will say so
                oids[path] = hashlib.sha256(source.read(None)).hexdigest()
        if len(oids) < 2:
            return
        rows = self.batch({oids[path]: source.size for path, source in meant if path in oids})
        for path, source in meant:
            # Of two that are the same the second asks when the first may be there.
            if (row := rows.pop(oids.get(path, ""), None)) is not None:
                one = Expected(source.size, source.mtime_ns, oids[path], row)
                known.expected[path] = one

    def expected(self, path: str, source: SourceFile) -> Expected | None:
        """What the store has said of a file, once; None where it was not asked about this one."""
        found: Expected | None = self.known.expected.pop(path, None)
        is_it = found and (found.size, found.mtime_ns) == (source.size, source.mtime_ns)
        return found if is_it else None

    def batch(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """What the store says of `objects`, sizes by their SHA-256, that are to be sent to it
        (git-lfs, docs/api/batch.md). Raises ``remote_lied``."""
        payload = {
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": [{"oid": oid, "size": size} for oid, size in objects.items()],
            "hash_algo": "sha256",
            "ref": {"name": self.name},
        }
        prefix = f"{self.client.hub}/{self.place.prefix}{self.place.repo}"
        url = f"{prefix}.git/info/lfs/objects/batch"
        answer = self.client.ask(self.place, url, payload, TYPE)
        return {str(row.get("oid")): row for row in _rows(answer, "objects")}

    def _preupload(self, files: Sequence[tuple[str, SourceFile]]) -> dict[str, Any]:
        rows = []
        for path, source in files:
            assert source.read is not None
            sample = base64.b64encode(source.read(SAMPLE)).decode("ascii")
            rows.append({"path": path, "sample": sample, "size": source.size})
        answer = self.client.ask(self.place, self.api("preupload"), {"files": rows})
        return {row["path"]: row for row in _rows(answer, "files")}


def _mode(path: str, source: SourceFile, told: Any) -> Mode:
    if not isinstance(told, dict) or told.get("uploadMode") not in ("lfs", "regular"):
        raise TransferError("remote_lied", "The hub does not say how it wants to have a file.")
    # A store of LFS takes no empty files (huggingface_hub, `_fetch_upload_modes`).
    lfs = told["uploadMode"] == "lfs" and source.size > 0
    return Mode(lfs, bool(told.get("shouldIgnore")))


def _rows(answer: Any, name: str) -> list[dict[str, Any]]:
    rows = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TransferError("remote_lied", "The answer is none of a hub.")
    return rows
