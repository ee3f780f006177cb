"""A fetch whose source is one folder that a program of its backend makes, such as a clone.

The folder is made without a name beside the destination and gets it when it is whole, with one
rename. One that an earlier job made is brought up to date in place by the program, which leaves
alone what somebody has changed. Large objects of it are files like any other to the engine: in
ranges, journaled, verified. The journal of the folder's part says::

    {"kind": "tree", "version": 1, "source": "<sha256 of the address>"}
    {"made": "<version>"}                    the program has done its work; objects may be missing
    {"publish": path, "inode": inode}        as `parts` does

A program that is killed begins anew; objects go on where they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..backends import find
from ..backends.base import Context
from ..backends.tree import Large, Made, TreeBackend
from ..errors import TransferError
from ..names import join_path, split_path
from ..parts import Part, StagedTree
from ..paths import Root
from .client import opened
from .control import Control, Message, Report, Stopped
from .delivery import Setting, patiently, row
from .fetchrun import FetchRun
from .filters import Filters
from .journal import find_part
from .many import connections_of
from .run import JobRequest
from .target import Targets
from .transport import Transport

VERSION = 1

Verdict = Literal["make", "renew", "rename", "skipped"]
"""What to do about a folder: make it, bring the one that is there up to date, make one beside what
is there, or nothing."""


@dataclass(frozen=True)
class _Means:
    """What brings everything here."""

    backend: TreeBackend
    transport: Transport
    connections: int


class TreeRun(FetchRun):
    """One run of such a job."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._rows: list[tuple[Message, TransferError | None]] = []
        self._part: Part | None = None

    def close(self) -> None:
        """Forget the journal of what was published."""
        super().close()
        if self._part is not None:
            with suppress(TransferError):
                self._part.discard()  # an empty file: the folder has its name
            self._part = None

    def _run_all(self) -> None:
        request, control = self._request, self._control
        context = replace(self._context, note=self._report.note)
        connections = connections_of(request.options)
        with opened(request.source, context, control.check, control.bandwidth, connections) as (
            backend,
            transport,
        ):
            assert isinstance(backend, TreeBackend)
            backend.check(request.source)
            require_whole(request)
            note_limit(control, self._report)
            self._bring(_Means(backend, transport, connections))

    def _bring(self, means: _Means) -> None:
        root, request = self._root, self._request
        path = target_of(root, request, means.backend)
        part = self._find_part(path)
        if part is not None and (there := part.published()) is not None:
            self._part = part
            self._finish(there, _made(part) or Made(""))
            return
        try:
            self._decide(means, path, part)
        except BaseException:
            if part is not None:
                part.close()
            raise

    def _decide(self, means: _Means, path: str, part: Part | None) -> None:
        root, request = self._root, self._request
        verdict = decide(root, request, path)
        if verdict == "skipped":
            self._leave(part, keep=False)
            self._files_total = 0
            self._report.file(row(path, state="skipped", unverified="skipped"))
            return
        if verdict == "renew":
            try:
                self._renew(means, path)
            except TransferError as error:
                if not beside(request, error):
                    raise
                verdict = "rename"
            else:
                self._leave(part, keep=False)
                return
        if verdict == "rename":
            path = root.available_name(path)
        self._make(means, path, part)

    # -- a new folder --

    def _make(self, means: _Means, path: str, part: Part | None) -> None:
        if part is None:
            header = {"kind": "tree", "version": VERSION, "source": _hash(self._request.source)}
            part = Part.create(self._root, split_path(path)[0], tree_id(self._request.id), header)
        staged = StagedTree(part)
        keep = True
        try:
            made = _made(part)
            if made is None:
                made = self._make_anew(means.backend, staged, part)
            with self._opened(staged.opened) as inner:
                self._fill(means, inner, path)
            staged.publish(path)
            self._part = part
        except Stopped as stopped:
            keep = stopped.how != "cancel"
            raise
        finally:
            if self._part is None:
                self._leave(part, keep=keep and _made(part) is not None)
        self._finish(path, made)

    def _make_anew(self, backend: TreeBackend, staged: StagedTree, part: Part) -> Made:
        self._report.state("cloning")
        staged.begin()
        with self._opened(staged.opened) as inner:
            made = backend.make(inner, self._watch())
        part.append({"made": made.version})
        return made

    # -- one that is there --

    def _renew(self, means: _Means, path: str) -> None:
        with self._opened(lambda: self._root.inner(path)) as inner:
            made = means.backend.renew(inner, self._watch())
            self._fill(means, inner, path)
        self._finish(path, made)

    # -- both --

    def _fill(self, means: _Means, inner: Root, path: str) -> None:
        """Fetch the large objects that the folder lacks, and let them become files."""
        missing = list(means.backend.large(inner))
        self._bytes_before += self._tally.moved
        self._tally.bytes = 0
        if missing:
            self._report.state("fetching")
            with self._opened(lambda: inner.inner(means.backend.store)) as store:
                self._fetch_large(means, store, path, missing)
            if self._errors:
                self._tell_failed()
                raise self._errors[0]
        self._report.state("checking_out")
        means.backend.settle(inner, self._watch_quietly())

    def _fetch_large(self, means: _Means, store: Root, path: str, missing: list[Large]) -> None:
        request = self._request
        self._paths = {
            one.entry.path: [join_path(path, each) for each in one.paths] for one in missing
        }
        setting = Setting(
            store,
            request.id,
            request.source,
            means.transport,
            means.backend,
            Targets(store, ".", "overwrite", request.source),
            self._control,
            self._report,
            Filters({}),
            "",
        )
        try:
            self._new_many(setting, means.connections).run(one.entry for one in missing)
        finally:
            setting.targets.delivered.close()
            if self._many is not None:
                self._many.forget()  # what is in the store needs no row to be known
                self._many = None

    def _settle(self, message: Message, error: TransferError | None) -> None:
        """One object is finished; its files are reported when the folder has its name."""
        for path in self._paths.get(message["path"], [message["path"]]):
            self._rows.append(({**message, "path": path, "mtime_ns": None}, error))
        if error is not None:
            self._failed(error)
        else:
            self._bytes_before += message["size"] or 0
            self._judge(message["verified"], message["unverified"])
        self._tell()

    def _tell_failed(self) -> None:
        """Report the files whose objects could not be had: the folder does not get its name."""
        for message, error in self._rows:
            if error is not None:
                self._report.file(message)

    def _finish(self, path: str, made: Made) -> None:
        """Report the folder, and what was fetched into it."""
        state = "done" if made.changed else "present"
        self._succeeded(True)
        digest = f"git:{made.version}" if made.version else None
        self._report.file(row(path, state=state, digest=digest, verified=True))
        for message, _ in self._rows:
            self._report.file(message)
        self._files_total = len(self._verdicts)
        self._bytes_total = self._size = self._bytes_before
        self._tell(now=True)

    @contextmanager
    def _opened(self, open_: Callable[[], Root]) -> Iterator[Root]:
        root = open_()
        try:
            yield root
        finally:
            root.close()

    # -- the part --

    def _find_part(self, path: str) -> Part | None:
        id = tree_id(self._request.id)
        part = patiently(self._control, lambda: find_part(self._root, split_path(path)[0], id))
        if part is None:
            return None
        header = next(iter(part.records()), {})
        if header.get("kind") != "tree" or header.get("source") != _hash(self._request.source):
            self._leave(part, keep=False)
            return None
        return part

    @staticmethod
    def _leave(part: Part | None, *, keep: bool) -> None:
        """Let go of a part, with its folder unless that is to be kept."""
        if part is None:
            return
        if keep:
            part.close()
        else:
            StagedTree(part).discard()
            part.discard()


def is_tree(source: str) -> bool:
    """Whether the source of a job is one folder."""
    try:
        return issubclass(find(source), TreeBackend)
    except TransferError:
        return False  # the run says what is wrong with it


def note_limit(control: Control, report: Report) -> None:
    """Tell that a speed limit does not hold for what the program moves."""
    if control.bandwidth.rate is not None:
        report.note(
            "left_out", "git knows no speed limit: yours holds for the objects of LFS only."
        )


def require_whole(request: JobRequest) -> None:
    """Raise ``bad_request`` where files were chosen that nobody can choose."""
    if Filters(request.options).active:
        raise TransferError(
            "bad_request",
            "The files of a repository come together, and cannot be chosen one by one.",
            "Leave the filters out; the option “paths” says which files are committed."
            if request.kind == "send"
            else "Leave the filters out; the option “sparse” takes some of its folders only.",
        )


def tree_id(job: str) -> str:
    """The id of the part of the folder that `job` makes."""
    return f"{job}-tree"


def target_of(root: Root, request: JobRequest, backend: TreeBackend) -> str:
    """The path of the folder: the destination, or in it where that is a folder with something else
    in it. Raises ``invalid_path``."""
    name = backend.name_for(request.source)
    path = request.targets(root).folder_of_many(name)
    if not path or _look(root, path) == "taken":
        return root.parse(join_path(path, name), new=True)
    return path


def decide(root: Root, request: JobRequest, path: str) -> Verdict:
    """What to do about the folder `path`. Raises ``exists``."""
    conflict, there = request.options.get("conflict"), _look(root, path)
    if there == "free":
        return "make"
    if conflict == "skip":
        return "skipped"
    if there == "clone":
        return "renew"
    if conflict == "rename":
        return "rename"
    raise TransferError(
        "exists",
        f"“{path}” is there already, and is no clone.",
        "Choose another folder.",
        detail={"path": path},
    )


def beside(request: JobRequest, error: TransferError) -> bool:
    """Whether a folder that cannot be brought up to date because of `error` is left alone, and
    another one made beside it."""
    return request.options.get("conflict") == "rename" and error.code in ("conflict", "exists")


def _look(root: Root, path: str) -> Literal["free", "clone", "taken", "file"]:
    """What stands at `path`: nothing or an empty folder, a clone, a folder of something else, or
    no folder."""
    if not root.exists(path):
        return "free"
    try:
        with closing(root.inner(path)) as inner:
            names = [entry.name for entry in inner.scan("")]
    except TransferError as error:
        if error.code != "not_a_directory":
            raise
        return "file"
    return "clone" if ".git" in names else "taken" if names else "free"


def discard(root: Root, request: JobRequest, context: Context) -> None:
    """Remove what an unfinished job left."""
    with opened(request.source, context) as (backend, _):
        assert isinstance(backend, TreeBackend)
        path = target_of(root, request, backend)
    part = find_part(root, split_path(path)[0], tree_id(request.id))
    if part is None:
        return
    with suppress(TransferError):
        if part.published() is not None:
            part.discard()
            return
    StagedTree(part).discard()
    part.discard()


def _made(part: Part) -> Made | None:
    """What the program of an earlier process has made whole."""
    made = next((one["made"] for one in reversed(part.records()) if "made" in one), None)
    return None if made is None else Made(str(made))


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
