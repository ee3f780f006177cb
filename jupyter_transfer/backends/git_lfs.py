"""The objects of LFS: pointers in a checkout, and where their bytes are.

A pointer is a small file that names an object by its SHA-256 (git-lfs specification, "The
Pointer"). Where the object lies the batch API tells (git-lfs docs/api/batch.md), asked over the one
transport; the engine fetches it like any file, and nothing gets its name in ``.git/lfs/objects``
whose digest is another one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import unquote

from ..errors import TransferError, from_http_status
from ..net import Url, parse_url
from ..parts import copy_within
from ..paths import Folders, Root
from ..secrets import MASKS
from ..tools import run
from .base import Caller, Digest, Entry, Locator, Validators
from .git_place import Place
from .git_program import Git
from .tree import Large

TYPE = "application/vnd.git-lfs+json"

FILTER = {
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.smudge": "git-lfs smudge -- %f",
    "filter.lfs.process": "git-lfs filter-process",
    "filter.lfs.required": "true",
}

BATCH = 100
"""Objects of one request."""

FRESH = 300.0
"""Seconds that an answer of the batch API is believed at most."""

_POINTER = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    rb"(?:ext-\d-[^\n]*\n)*oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>\d{1,18})\n",
)
_LARGEST = 1024
"""Bytes in a pointer."""

_COSTLY = 1 << 20
"""Bytes from which on one more process costs less than a digest."""

_STAGED = re.compile(rb"(?P<tag>.) (?P<mode>\d{6}) (?P<id>[0-9a-f]+) 0\t(?P<path>.*)", re.DOTALL)


@dataclass(frozen=True)
class Object:
    """An object, and the files of the checkout that it becomes."""

    oid: str
    size: int
    paths: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where it lies below ``.git/lfs``."""
        return f"objects/{self.oid[:2]}/{self.oid[2:4]}/{self.oid}"


def objects_of(git: Git) -> list[Object]:
    """The objects of the files that are checked out."""
    blobs: dict[bytes, list[bytes]] = {}
    for line in git.pieces("ls-files", "-t", "--stage", "--full-name", "-z", end=b"\0"):
        found = _STAGED.fullmatch(line)
        if found and found["tag"] != b"S" and found["mode"].startswith(b"100"):
            blobs.setdefault(found["id"], []).append(found["path"])
    small = _small(git, blobs)
    kept = kept_by_lfs(git, [path for id in small for path in blobs[id]])
    wanted = {id: [path for path in blobs[id] if path in kept] for id in small}
    wanted = {id: paths for id, paths in wanted.items() if paths}
    objects: dict[str, Object] = {}
    for id, (oid, size) in _pointers(git, list(wanted)):
        before = objects[oid].paths if oid in objects else ()
        objects[oid] = Object(oid, size, (*before, *map(os.fsdecode, wanted[id])))
    return list(objects.values())


def sizes_of(git: Git, ids: Iterable[bytes]) -> dict[bytes, int]:
    """Bytes of those of `ids` that are blobs."""
    asked = b"".join(id + b"\n" for id in ids)
    if not asked:
        return {}
    listed = git.pieces("cat-file", "--batch-check", end=b"\n", input=asked)
    found = (line.split() for line in listed if line.count(b" ") == 2)
    return {id: int(size) for id, kind, size in found if kind == b"blob"}


def _small(git: Git, blobs: Iterable[bytes]) -> list[bytes]:
    """Those of `blobs` that may be pointers."""
    return [id for id, size in sizes_of(git, blobs).items() if size <= _LARGEST]


def pointers_among(git: Git, ids: Iterable[bytes]) -> list[tuple[str, int]]:
    """Id and bytes of the objects that those of `ids`, any of the repository's, point to."""
    return [found for _, found in _pointers(git, _small(git, ids))]


def kept_by_lfs(git: Git, paths: list[bytes]) -> set[bytes]:
    """Those of `paths` that LFS keeps by their attributes."""
    if not paths:
        return set()
    asked = b"".join(path + b"\0" for path in paths)
    fields = iter(git.pieces("check-attr", "-z", "--stdin", "filter", end=b"\0", input=asked))
    return {path for path, _, value in zip(fields, fields, fields, strict=True) if value == b"lfs"}


def _pointers(git: Git, blobs: list[bytes]) -> Iterator[tuple[bytes, tuple[str, int]]]:
    if not blobs:
        return
    asked = b"".join(id + b"\n" for id in blobs)
    data = git.read("cat-file", "--batch", input=asked) or b""
    place = 0
    while place < len(data):
        end = data.index(b"\n", place)
        id, _, size = data[place:end].split()
        text = data[end + 1 : end + 1 + int(size)]
        place = end + int(size) + 2
        found = _POINTER.fullmatch(text)
        if found is not None:
            yield id, (found["oid"].decode(), int(found["size"]))


def missing(root: Root, store: str, objects: Iterable[Object]) -> Iterator[Large]:
    """Those that are not there yet. One of another size is taken for none."""
    for one in objects:
        if one.size == 0:
            continue
        try:
            there = root.stat(f"{store}/{one.path}").st_size == one.size
        except TransferError:
            there = False
        if not there:
            yield as_large(one)


def as_large(one: Object) -> Large:
    """The object as an entry of the engine."""
    digest, known = Digest("sha256", one.oid), Validators(version=one.oid)
    entry = Entry(one.path, f"lfs:{one.oid}", one.size, known, digest, member=True)
    return Large(entry, one.paths)


def settle(
    root: Root, store: str, objects: Iterable[Object], check: Callable[[], None]
) -> list[str]:
    """Put objects in the places of their pointers; the files that are whole now. One that is no
    pointer any more is left alone."""
    settled: list[str] = []
    with Folders(root) as folders:
        for one in objects:
            for path in one.paths:
                check()
                if _is_pointer(root, path, one):
                    copy_within(root, folders, f"{store}/{one.path}", path, check)
                    settled.append(path)
    if settled:
        root.remove_staging("")
    return settled


def _is_pointer(root: Root, path: str, wanted: Object) -> bool:
    if wanted.size == 0:
        return False
    try:
        fd = root.open(path)
    except TransferError:
        return False
    try:
        found = _POINTER.fullmatch(os.pread(fd, _LARGEST + 1, 0))
    finally:
        os.close(fd)
    return found is not None and found["oid"].decode() == wanted.oid


class Batch:
    """Asks the batch API at `url` where objects are, many at a time.

    Parameters
    ----------
    headers: who asks; for the origin of the repository only.
    """

    def __init__(
        self,
        caller: Caller,
        url: Url,
        headers: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._caller = caller
        self._url = f"{url}/objects/batch"
        self._origin = url.origin
        self._headers = dict(headers)
        self._clock = clock
        self._ahead: deque[Entry] = deque()
        self._known: dict[str, tuple[float, Locator | TransferError]] = {}

    def expect(self, entry: Entry) -> None:
        """`entry` will be asked for."""
        self._ahead.append(entry)

    def locate(self, entry: Entry) -> Locator:
        """Where `entry` is. What was answered is given out once: who asks again needs a new one.
        Raises ``remote_not_found``, ``needs_credentials`` …"""
        until, answer = self._known.pop(entry.address, (0.0, None))
        if answer is None or self._clock() > until:
            asked = [entry]
            while self._ahead and len(asked) < BATCH:
                one = self._ahead.popleft()
                if one.address != entry.address:
                    asked.append(one)
            self._ask(asked)
            _, answer = self._known.pop(entry.address, (0.0, lied(self._url)))
        if isinstance(answer, TransferError):
            raise answer
        return answer

    def _ask(self, entries: list[Entry]) -> None:
        body = {
            "operation": "download",
            "transfers": ["basic"],
            "hash_algo": "sha256",
            "objects": [{"oid": oid_of(one), "size": one.size} for one in entries],
        }
        answer = self._caller.call(
            self._url,
            method="POST",
            headers={"Accept": TYPE, "Content-Type": TYPE, **self._headers},
            body=json.dumps(body).encode(),
        )
        if answer.status != 200:
            raise refused(answer.status, self._url, answer.retry_after)
        try:
            listed = {one["oid"]: one for one in json.loads(answer.body)["objects"]}
        except (ValueError, TypeError, KeyError):
            raise lied(self._url) from None
        for entry in entries:
            told = listed.get(oid_of(entry))
            until = self._clock() + FRESH
            try:
                found: Locator | TransferError = self._locator(entry, told)
                until = self._clock() + _lifetime(told)
            except TransferError as error:
                found = error
            self._known[entry.address] = until, found

    def _locator(self, entry: Entry, told: Any) -> Locator:
        if not isinstance(told, dict):
            raise lied(self._url)
        if isinstance(error := told.get("error"), dict):
            code = error.get("code")
            if code in (404, 410):
                raise TransferError(
                    "remote_not_found",
                    f"The LFS server does not have the object {oid_of(entry)[:12]}….",
                    "Ask whoever pushed the file to push it with “git lfs push --all”.",
                )
            raise refused(code if isinstance(code, int) else 500, self._url, None)
        action = (told.get("actions") or {}).get("download")
        if not isinstance(action, dict) or not isinstance(action.get("href"), str):
            raise lied(self._url)
        url = parse_url(action["href"], ("https", "http"))
        headers = private_headers(action, self._headers if url.origin == self._origin else {})
        return Locator(
            str(url),
            headers,
            size=entry.size,
            digest=entry.digest,
            validators=entry.validators,
        )


def private_headers(action: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str]:
    """What the server told for the request of `action`, and where that says not who asks, `own`."""
    given = action.get("header") or {}
    headers = {
        str(name): str(value)
        for name, value in (given.items() if isinstance(given, dict) else ())
        if not re.search(r"[\x00-\x1f\x7f]", f"{name}{value}") and str(name).isascii()
    }
    if "authorization" not in map(str.lower, headers):
        headers |= own
    return headers


def endpoint(url: Url) -> Url:
    """Where the LFS server of the repository at `url` is (git-lfs docs/api/server-discovery.md)."""
    path = url.path.rstrip("/")
    return replace(url, path=f"{path if path.endswith('.git') else path + '.git'}/info/lfs")


def stated(git: Git) -> Url | None:
    """The LFS server that the repository itself names in ``.lfsconfig`` (git-lfs-config(5)), if it
    is one of the web; who asks it is told nothing but for the origin of the repository."""
    try:
        found = git.read("config", "--blob", ":.lfsconfig", "--get", "lfs.url", wrong=(1, 128))
        return parse_url((found or b"").decode().strip(), ("https", "http"))
    except (TransferError, UnicodeDecodeError):
        return None


def is_served(caller: Caller, url: Url, headers: Mapping[str, str]) -> bool | None:
    """Whether there is an LFS server at `url`; None where it does not say."""
    asked = {"operation": "download", "transfers": ["basic"], "objects": []}
    answer = caller.call(
        f"{url}/objects/batch",
        method="POST",
        headers={"Accept": TYPE, "Content-Type": TYPE, **headers},
        body=json.dumps(asked).encode(),
    )
    if answer.status in (200, 400, 422):
        return "json" in answer.headers.get("content-type", "")
    return False if answer.status in (404, 405, 410, 501) else None


def authenticate(
    ssh: Sequence[str],
    place: Place,
    user: str,
    environment: Mapping[str, str],
    operation: Literal["download", "upload"] = "download",
) -> tuple[Url, dict[str, str]]:
    """Where the LFS server of a repository on an SSH host is, and what to tell it, by
    ``git-lfs-authenticate`` (git-lfs docs/api/server-discovery.md, "SSH")."""
    path = shlex.quote(unquote(place.url.path))
    command = [*ssh, "-p", str(place.url.port), "--", f"{user}@{place.url.host}"]
    try:
        told = json.loads(run([*command, f"git-lfs-authenticate {path} {operation}"], environment))
        url = parse_url(str(told["href"]), ("https", "http"))
        headers = {str(name): str(value) for name, value in (told.get("header") or {}).items()}
    except (TransferError, ValueError, TypeError, KeyError, AttributeError):
        raise TransferError(
            "remote_refused",
            f"“{place.url.host}” does not tell by SSH where its LFS server is.",
            "Use its https: address, or switch the option “lfs” off.",
        ) from None
    MASKS.add(*(value for value in headers.values()))
    return url, headers


def set_up(git: Git, settled: Collection[str]) -> None:
    """Let the clone keep large files by LFS, as ``git lfs install --local --skip-repo`` does, and
    git look at those that are there now: of a file whose size differs from that of the pointer it
    would say for ever that it was changed."""
    if git.read("config", "--local", "--get", "filter.lfs.process", wrong=(1,)) is None:
        large = [path for path in settled if git.root.stat(path).st_size >= _COSTLY]
        _refresh(git.knowing(), large)
        settled = set(settled) - set(large)
    for name, value in FILTER.items():
        if git.read("config", "--local", "--get", name, wrong=(1,)) is None:
            git.read("config", "--local", name, value)
    _refresh(git, settled)


def _refresh(git: Git, paths: Iterable[str]) -> None:
    asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
    if asked:
        git.read("update-index", "-q", "-z", "--stdin", input=asked)


def oid_of(entry: Entry) -> str:
    """The id of the object that `entry` is."""
    return entry.address.removeprefix("lfs:")


def _lifetime(told: Any) -> float:
    """Seconds that the answer `told` may be used, less a margin."""
    seconds = told["actions"]["download"].get("expires_in")
    good = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0
    return max(0.0, min(FRESH, float(seconds) - 10)) if good else FRESH


def lied(url: str) -> TransferError:
    """The LFS server answers nonsense."""
    host = parse_url(url, ("https", "http")).host
    return TransferError("remote_lied", f"The LFS server of “{host}” gives a malformed answer.")


def refused(status: int, url: str, wait: float | None, *, sending: bool = False) -> TransferError:
    """What a status of the LFS server that is no success means."""
    host = parse_url(url, ("https", "http")).host
    if status in (404, 405, 501):
        return TransferError(
            "remote_refused",
            f"“{host}” has no LFS server for this repository.",
            "Switch LFS on there, or keep the files without it."
            if sending
            else "Fetch it without its large files: switch the option “lfs” off.",
        )
    if sending and status == 403:
        return TransferError(
            "remote_forbidden",
            f"The LFS server of “{host}” does not let you send files to this repository.",
            "Ask its owner for the right to write.",
        )
    if sending and status in (413, 422):
        return TransferError(
            "too_large",
            f"The LFS server of “{host}” does not take one of the files ({status}).",
            "Ask its administrator about the limit.",
        )
    if sending and status == 507:
        return TransferError(
            "remote_refused", f"The LFS server of “{host}” has no room left (507)."
        )
    return from_http_status(status, host, wait)
