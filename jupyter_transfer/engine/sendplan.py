"""What would become of one file that is sent, or copied, as a step of a plan."""

from __future__ import annotations

from ..backends.base import Backend
from ..errors import TransferError
from .original import State
from .overview import Overview
from .sendtarget import HasDigest, SendTargets, Verdict


def verdict_about(
    targets: SendTargets,
    backend: Backend,
    address: str,
    state: State,
    has_digest: HasDigest | None = None,
) -> Verdict | TransferError:
    """What would be done about a file; a policy that refuses it is an answer."""
    try:
        return targets.decide(backend, address, state, has_digest)
    except TransferError as error:
        if error.code not in ("exists", "is_a_directory"):
            raise
        return error


def add_step(
    overview: Overview, shown: str, size: int | None, verdict: Verdict | TransferError | None
) -> None:
    """Add what `verdict` means to a plan; None is a file that is left out."""
    if isinstance(verdict, TransferError):
        overview.add("fail", shown, size, error=verdict.code)
    elif verdict is None or verdict.act != "send":
        overview.add("skip", shown, size)
    elif verdict.entry is not None:
        before = (verdict.entry.size, verdict.entry.mtime_ns)
        overview.add("replace", shown, size, before=before)
    else:
        overview.add("copy", shown, size)
