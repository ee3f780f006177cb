"""What a waiting job asks a person, and how the answer is kept. Pure data.

A job that waits with the code ``needs_decision`` shows what it asks in its reason's `detail`::

    {"kind": "host_key", "host": "h:22", "fingerprint": "SHA256:…"}
    {"kind": "plan", "copy": 3, "replace": 1, "delete": 2, "bytes": 4096, "hash": "…"}

The answer stands in the job's options: ``host_key`` is the fingerprint that was accepted (or the
`option` that the detail names, where both ends of a job have one),
``approve`` the hash of the plan. So what was shown is what is accepted: another key, or another
plan, asks again.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import TransferError

Detail = Mapping[str, Any]


class PlanHash:
    """The hash of a plan that is made step by step, each plain JSON, such as
    ``["delete", "a/b", 512]``."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, step: Any) -> None:
        """The next step."""
        line = json.dumps(step, sort_keys=True, separators=(",", ":")).encode()
        self._digest.update(line + b"\n")

    @property
    def hex(self) -> str:
        """The hash of the steps so far."""
        return self._digest.hexdigest()


def plan_hash(steps: Iterable[Any]) -> str:
    """The hash of a plan: of its steps in their order."""
    made = PlanHash()
    for step in steps:
        made.add(step)
    return made.hex


def fingerprint_of(key: bytes) -> str:
    """The fingerprint of a key as OpenSSH writes it: ``SHA256:`` and base64 without padding."""
    return "SHA256:" + b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def unknown_host_key(host: str, name: str, fingerprint: str) -> TransferError:
    """What an SSH server asks for whose key, of the type `name`, nobody has accepted yet."""
    return TransferError(
        "needs_decision",
        f"“{host}” is not known here yet. The fingerprint of its key is {fingerprint}.",
        "Compare the fingerprint with what its owner says, then accept it.",
        detail=_host_key(host, name, fingerprint),
    )


def changed_host_key(
    host: str, name: str, fingerprint: str, what: str = "is another one than before"
) -> TransferError:
    """An SSH server has a key that it must not have: nobody is asked."""
    return TransferError(
        "host_key_changed",
        f"The key of “{host}” {what} ({fingerprint}): somebody may be listening in between.",
        "Ask its owner whether the key was changed; if so, remove the old one from known_hosts.",
        detail=_host_key(host, name, fingerprint),
    )


def _host_key(host: str, name: str, fingerprint: str) -> dict[str, str]:
    return {"kind": "host_key", "host": host, "key_type": name, "fingerprint": fingerprint}


def hash_of(detail: Detail) -> str:
    """What binds an approval to the plan that `detail` shows: its own hash, else one of all that
    is shown."""
    return str(detail.get("hash") or plan_hash([detail]))


def approved(options: Mapping[str, Any], detail: Detail) -> bool:
    """Whether the person has approved the plan in `detail`: beforehand and whatever it be
    (``approve: true``), or exactly this one."""
    answer = options.get("approve")
    return answer is True or (isinstance(answer, str) and answer == hash_of(detail))


def accept(options: Mapping[str, Any], reason: Detail | None) -> dict[str, Any]:
    """`options` of a waiting job with what its `reason` shows accepted.

    Raises ``conflict`` when it asks for nothing that could be accepted.
    """
    detail = (reason or {}).get("detail") or {}
    if (reason or {}).get("code") != "needs_decision":
        raise TransferError(
            "conflict",
            "This transfer asks for no decision.",
            "Reload the list, and see what it waits for.",
        )
    if detail.get("kind") == "host_key":
        of_destination = detail.get("option") == "dest_host_key"
        name = "dest_host_key" if of_destination else "host_key"
        return {**options, name: str(detail["fingerprint"])}
    return {**options, "approve": hash_of(detail) if detail else True}
