"""A commit at the hub: which files it adds and deletes, as lines of JSON (huggingface_hub,
`create_commit`), the small ones with their bytes. It names the commit that it follows on, and is
refused if the branch has moved on: then what lies there is looked at anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TransferError
from .base import Answer, Entry
from .hub_branch import HuggingFaceBranch
from .hub_listing import File
from .hub_sink import CarriedSink, HubSink, line_of
from .hub_verdicts import file_of, left_of, paths_of, still_there

TRIES = 5
"""Times that a commit is tried while others commit to the same branch."""

NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Committed:
    """What lies at the paths of what was staged, in the commit that has it.

    Parameters
    ----------
    pull_request: the page of the pull request that has it.
    """

    files: list[File]
    pull_request: str | None = None


def commit(
    branch: HuggingFaceBranch,
    staged: Sequence[HubSink],
    doomed: Sequence[tuple[str, Entry]],
    message: str,
) -> Committed:
    """Commit what is `staged`, without the paths of `doomed`. See `CommittingBackend.commit`."""
    if branch.as_pull_request and branch.known.tried:
        _follow_lost(branch, staged, doomed)
    for _ in range(TRIES):
        branch.renew()
        left, there = left_of(branch, staged)
        gone = still_there(branch, doomed)
        if not left and not gone:
            files = [file_of(there[sink.path]) for sink in staged]
            return Committed(files, branch.known.request)
        answer = _post(branch, left, gone, message)
        if answer.status in (409, 412):
            continue  # somebody committed since
        if answer.status >= 400:
            raise branch.client.error(branch.place, answer)
        return _found(branch, staged, answer)
    raise TransferError("remote_busy", "Others commit to the branch again and again.")


def _follow_lost(
    branch: HuggingFaceBranch, staged: Sequence[HubSink], doomed: Sequence[tuple[str, Entry]]
) -> None:
    """Go on with the pull request whose answer got lost, if there is one: it has all of it."""
    for number in branch.client.pull_requests(branch.place):
        page = f"{branch.place.page(branch.client.hub)}/discussions/{number}"
        other = branch.of_request(page)
        try:
            is_it = not left_of(other, staged)[0] and not still_there(other, doomed)
        except TransferError as error:
            if error.code not in ("exists", "is_a_directory", "remote_changed"):
                raise
        else:
            if is_it:
                branch.follow(page)
                return


def _post(
    branch: HuggingFaceBranch, left: Sequence[HubSink], gone: Sequence[str], message: str
) -> Answer:
    head = {"summary": message, "description": "", "parentCommit": branch.head()}
    branch.known.tried = branch.known.tried or branch.as_pull_request
    content = CommitBody({"key": "header", "value": head}, left, gone)
    return branch.client.send(branch.place, branch.api("commit"), content, NDJSON)


def _found(branch: HuggingFaceBranch, staged: Sequence[HubSink], answer: Answer) -> Committed:
    """What the hub says that lies there now."""
    try:
        told = json.loads(answer.body)
        sha, request = str(told["commitOid"]), told.get("pullRequestUrl")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TransferError("remote_lied", "The hub does not name the commit.") from None
    if branch.as_pull_request and request:
        branch.follow(str(request))
    branch.moved(sha)
    files = [file_of(found) for found in branch.look(paths_of(staged))]
    return Committed(files, branch.known.request)


class CommitBody:
    """The lines of a commit, made one after the other while they are sent.

    Raises ``changed`` where a file is not what was staged.
    """

    def __init__(self, head: dict[str, Any], left: Sequence[HubSink], gone: Sequence[str]) -> None:
        self._head = _line(head)
        self._left = left
        self._gone = [_line({"key": "deletedFile", "value": {"path": path}}) for path in gone]
        self.size = len(self._head) + sum(map(len, self._gone)) + sum(map(_length, left))
        self.position = 0
        self._lines = self._all()
        self._rest = memoryview(b"")

    def _all(self) -> Iterator[bytes]:
        yield self._head
        yield from self._gone  # first: another file may go below the path of one
        for sink in self._left:
            before, after = line_of(sink)
            yield before + (_encoded(sink) if isinstance(sink, CarriedSink) else b"") + after

    def read(self, count: int) -> memoryview:
        """See `Content`; as much as is asked for, because each piece becomes a packet."""
        lines: list[bytes | memoryview] = [self._rest]
        there = len(self._rest)
        while there < count and self.position + there < self.size:
            lines.append(next(self._lines))
            there += len(lines[-1])
        whole = memoryview(b"".join(lines)) if len(lines) > 1 else self._rest
        piece, self._rest = whole[:count], whole[count:]
        self.position += len(piece)
        return piece

    def seek(self, position: int) -> None:
        """See `Content`; whatever stands before it is made again."""
        self.position, self._lines, self._rest = 0, self._all(), memoryview(b"")
        while self.position < position:
            self.read(position - self.position)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _length(sink: HubSink) -> int:
    """Bytes of the line about the file of `sink`."""
    before, after = line_of(sink)
    return len(before) + len(after) + -(-(sink.carried or 0) // 3) * 4


def _encoded(sink: CarriedSink) -> bytes:
    data = sink.content()
    assert sink.digest is not None
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    if blob != sink.digest.value:
        raise TransferError("changed", f"“{sink.path}” changed while it was sent.")
    return base64.b64encode(data)
