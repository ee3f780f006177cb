"""A branch of a repository of the hub while a job sends files to it: the commit that it stood for
when the job began, what lies there, and which files go by LFS. All threads of a job share it.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from ..errors import TransferError
from .hub_address import COMMIT, Place
from .hub_client import HubClient
from .hub_errors import nobody_writes
from .hub_listing import File, Folder
from .sink import SourceFile

SAMPLE = 512
"""Bytes of the start of a file by which the hub tells text from other data."""

_OWN = ("/.git/", "/.cache/huggingface/")
"""Folders of which nothing is sent: git's own, and what the official client notes in a folder."""


@dataclass(frozen=True)
class Mode:
    """How a file is sent: by LFS, or in the commit; `ignored`: by the repository's .gitignore."""

    lfs: bool
    ignored: bool = False


@dataclass
class Known:
    """What the threads of a job know of one branch.

    Parameters
    ----------
    place: the root of the repository at the branch that is committed to.
    head: its commit; None where there is no repository yet.
    request: the page of the pull request that the branch belongs to.
    """

    place: Place
    head: str | None = None
    asked: bool = False
    request: str | None = None
    there: dict[str, File | Folder | None] = field(default_factory=dict)
    modes: dict[str, Mode] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


class Branch:
    """The branch as one thread uses it.

    Parameters
    ----------
    create: whether a repository that is not there is made; `private`: seen by its members only.
    request: whether what is sent becomes a pull request.
    """

    def __init__(
        self,
        client: HubClient,
        known: Known,
        *,
        create: bool,
        private: bool,
        request: bool,
    ) -> None:
        self.client = client
        self.known = known
        self._request = request
        self._create = create
        self._private = private

    @property
    def place(self) -> Place:
        """The root of the repository at the branch."""
        return self.known.place

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

    # -- what is there --

    def head(self) -> str | None:
        """The commit that the job began with; None where the repository is yet to be made."""
        known = self.known
        with known.lock:
            if not known.asked:
                known.head, known.asked = self._head_now(), True
            return known.head

    def _head_now(self) -> str | None:
        try:
            return self.client.facts(self.place).commit
        except TransferError as error:
            if self._create and error.detail.get("kind") == "no_repository":
                return None
            raise

    def look(self, paths: Iterable[str]) -> list[File | Folder | None]:
        """What lay at each of `paths` when the job began."""
        paths, known = list(paths), self.known
        with known.lock:
            asked = [path for path in paths if path not in known.there]
            head = self.head()
            if asked and head is not None:
                found = self.client.at(replace(self.place, revision=head), asked)
                known.there.update((path, found.get(path)) for path in asked)
            return [known.there.get(path) for path in paths]

    def renew(self) -> str:
        """The commit that the branch stands for now; what was known before is forgotten."""
        with self.known.lock:
            self.known.head, self.known.asked = self._head_now(), True
            self.known.there.clear()
            return self.prepare()

    def moved(self, head: str) -> None:
        """The branch stands for the commit `head` now."""
        with self.known.lock:
            self.known.head, self.known.asked = head, True
            self.known.there.clear()

    def follow(self, pull_request: str) -> None:
        """What comes now belongs to a pull request, known by the address of its page. Raises
        ``remote_lied``."""
        number = pull_request.rstrip("/").rpartition("/")[2]
        if not number.isdigit():
            raise TransferError("remote_lied", "The hub does not name the pull request.")
        self.known.place = replace(self.place, revision=f"refs/pr/{number}")
        self.known.request = pull_request

    # -- before something is sent --

    def prepare(self) -> str:
        """The commit of `head`; the repository is made if it is not there. Raises what keeps us
        from writing."""
        if not self.client.has_token:
            raise nobody_writes(f"{self.client.hub}/settings/tokens", self.place)
        if COMMIT.fullmatch(self.name):
            raise TransferError(
                "bad_request",
                "Nothing can be sent to a commit: it stays what it is.",
                "Name a branch.",
            )
        with self.known.lock:
            head = self.head()
            if head is None:
                self._make()
                self.known.asked = False
                self._create = False
                head = self.head()
            assert head is not None
            return head

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

    def _preupload(self, files: Sequence[tuple[str, SourceFile]]) -> dict[str, Any]:
        rows = []
        for path, source in files:
            assert source.read is not None
            sample = base64.b64encode(source.read(SAMPLE)).decode("ascii")
            rows.append({"path": path, "sample": sample, "size": source.size})
        answer = self.client.ask(self.place, self.api("preupload"), {"files": rows})
        return {row["path"]: row for row in _rows(answer, "files")}


def require_name(path: str) -> None:
    """Raise ``invalid_path`` for a name that git cannot hold at the hub."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise TransferError("invalid_path", "The hub takes names in UTF-8 only.") from None


def is_own(path: str) -> bool:
    """Whether a file is git's or the official client's, and never sent."""
    return any(part in f"/{path}" for part in _OWN)


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
