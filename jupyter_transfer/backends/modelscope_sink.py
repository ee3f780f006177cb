"""Files on their way into a commit of ModelScope: small texts are carried by the commit, all others
go to its store, each in one request. Which are which is decided here, as the official client does
(modelscope-hub, `_is_lfs`): the hub reads some files itself, and cannot if they lie in the store.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from ..errors import TransferError
from .base import Digest, Entry
from .hub_address import Kind
from .hub_sink import CarriedSink, HubSink
from .modelscope_branch import ModelScopeBranch
from .sink import Outlet, Span, State

CARRIED = 64 << 10
"""Bytes of a file up to which the commit may carry it."""

# fmt: off
_READ_BY_THE_HUB = frozenset({
    "readme.md", ".gitattributes", ".gitignore", "configuration.json", "configuration.yaml",
    "configuration.yml", "dataset_infos.json", "config.json", ".msc", ".mdl",
})
_BOTH = {
    ".7z", ".arrow", ".bin", ".bz2", ".ftz", ".gz", ".h5", ".joblib", ".msgpack", ".npy", ".npz",
    ".ot", ".parquet", ".pb", ".pickle", ".pkl", ".rar", ".tar", ".tgz", ".wasm", ".zip", ".zst",
}
_STORED: dict[Kind | None, frozenset[str]] = {
    "model": frozenset({
        *_BOTH, ".ckpt", ".mlmodel", ".model", ".onnx", ".pt", ".pth", ".safetensors", ".tflite",
        ".xz",
    }),
    "dataset": frozenset({
        *_BOTH, ".aac", ".audio", ".bmp", ".flac", ".gif", ".jack", ".jpeg", ".jpg", ".png",
        ".jsonl", ".lz4", ".pcm", ".raw", ".sam", ".wav", ".webm", ".webp", ".tiff", ".mp3", ".mp4",
        ".ogg",
    }),
}
# fmt: on


def is_stored(kind: Kind | None, path: str, size: int) -> bool:
    """Whether a file at `path` goes to the store; an empty one never does."""
    name = path.rpartition("/")[2].lower()
    if not size or name in _READ_BY_THE_HUB:
        return False
    dot = name.rfind(".")
    suffix = name[dot:] if dot > 0 else ""
    return size > CARRIED or suffix in _STORED.get(kind, frozenset())


class Carried(CarriedSink):
    """A file that the commit carries."""

    digests = ("sha256",)


class Stored(HubSink):
    """A file that goes to the store."""

    branch: ModelScopeBranch
    digests = ("sha256",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._oid = ""
        self._upload: dict[str, Any] | None = None

    def begin(self, state: State | None) -> Sequence[Span]:
        """See `Sink`; reads the file, for the store is asked by its SHA-256."""
        if not self._oid:
            assert self.source.prefix is not None
            self._oid = self.source.prefix(self.source.size, "sha256").value
        self.expired()
        return [] if self._upload else [(0, self.source.size)]

    def expired(self) -> None:
        """See `Sink`."""
        self._upload = self.branch.uploads({self._oid: self.source.size}).get(self._oid)

    def outlet(self, span: Span) -> Outlet:
        """See `Sink`."""
        assert self._upload is not None
        href = self._upload["href"]
        more = {str(k): str(v) for k, v in (self._upload.get("header") or {}).items()}
        return Outlet(href, "PUT", {**self.branch.authorization(href), **more})

    def finish(self, digests: Sequence[Digest]) -> Entry:
        """See `Sink`. Raises ``changed`` where what was sent is not what was announced."""
        if digests[0].value != self._oid:
            raise TransferError("changed", f"“{self.source.name}” changed while it was sent.")
        return super().finish(digests)


def action_of(sink: HubSink) -> dict[str, Any]:
    """What a commit does about the file of `sink`. Raises ``changed``."""
    assert sink.digest is not None
    size = sink.source.size
    if not isinstance(sink, CarriedSink):
        return _action("create", sink.path, "lfs", size=size, sha256=sink.digest.value)
    data = sink.content()
    if hashlib.sha256(data).hexdigest() != sink.digest.value:
        raise TransferError("changed", f"“{sink.path}” changed while it was sent.")
    content = {"content": base64.b64encode(data).decode("ascii"), "encoding": "base64"}
    return _action("create", sink.path, "normal", size=size, **content)


def deletion_of(path: str) -> dict[str, Any]:
    """What a commit does about a file that is deleted."""
    return _action("delete", path, "normal")


def _action(act: str, path: str, kind: str, **more: Any) -> dict[str, Any]:
    empty = {"size": 0, "sha256": "", "content": "", "encoding": ""}
    return {"action": act, "path": path, "type": kind, **empty, **more}
