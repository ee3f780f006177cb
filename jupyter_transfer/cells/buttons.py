"""The buttons of a row whose job this kernel moves: a front end asks for it by a comm
(https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages).

It opens one of the target `TARGET` with ``{"id"}``, is told ``{"holds": bool}``, and sends
``{"action": "pause" | "resume" | "cancel"}``. What becomes of the job the output shows.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..errors import TransferError
from .job import Transfer

TARGET = "jupyter_transfer"

ACTIONS = ("pause", "resume", "cancel")

_held: dict[str, Transfer] = {}


def hold(transfer: Transfer) -> None:
    """Let front ends find this job of the kernel; a job that is begun again takes its place."""
    for id in [id for id, one in _held.items() if _is_over(one)]:
        del _held[id]
    _held[transfer.id] = transfer


def listen(shell: Any) -> None:
    """Answer the front ends of the kernel of `shell`; a terminal has none."""
    manager = getattr(getattr(shell, "kernel", None), "comm_manager", None)
    if manager is not None:
        manager.register_target(TARGET, _opened)


def _opened(comm: Any, message: dict[str, Any]) -> None:
    transfer = _held.get(str(_data(message).get("id")))
    holds = transfer is not None and not _is_over(transfer)
    if transfer is not None:
        comm.on_msg(lambda told: _act(transfer, _data(told).get("action")))
    comm.send({"holds": holds})


def _act(transfer: Transfer, action: Any) -> None:
    if action in ACTIONS:
        with suppress(TransferError):  # its state has changed meanwhile, as the output shows
            getattr(transfer, action)()


def _is_over(transfer: Transfer) -> bool:
    return transfer.state in ("done", "failed", "cancelled")


def _data(message: dict[str, Any]) -> dict[str, Any]:
    data = message["content"]["data"]
    return data if isinstance(data, dict) else {}
