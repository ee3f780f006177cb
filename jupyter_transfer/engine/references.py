"""What references to secrets lead to, for the options of a job, and for a file that names them.

Messages are those to a worker: `secret_dirs`, `secret_variables` and `service_account_dir` say what
may be looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import TransferError
from ..secrets import (
    SERVICE_ACCOUNT,
    kubernetes_reference,
    of_kubernetes,
    redact_all,
    resolve,
    service_account,
)
from .cluster import Cluster
from .control import Message, as_transfer_error

Reference = tuple[str, str, str]
"""Kind (``secret`` or ``configMap``), name and key."""


def resolved(references: Mapping[str, str], message: Message) -> dict[str, str]:
    """What `references` lead to, by the names of their options. Raises ``needs_credentials``, with
    the names of those `options` that lack something in its detail."""
    cluster = in_cluster(message)
    values, missing, first = {}, [], None
    for name, reference in references.items():
        try:
            values[name] = resolve(
                reference,
                message.get("secret_dirs") or (),
                message.get("secret_variables", ("*",)),
                cluster,
            )
        except TransferError as error:
            if error.code != "needs_credentials":
                raise
            missing.append(name)
            first = first or error
    if first is not None:
        raise TransferError(
            first.code, first.message, first.remedy, detail={**first.detail, "options": missing}
        )
    return values


def in_cluster(message: Message) -> Cluster | None:
    """The cluster that this process runs in, if it may be asked."""
    account = service_account(message.get("service_account_dir", SERVICE_ACCOUNT))
    return Cluster(account) if account is not None else None


def values_of(wanted: Iterable[Reference], message: Message) -> dict[str, Message]:
    """``{reference: {"value"} or {"error"}}`` of each ``(kind, name, key)`` in `wanted`."""
    found: dict[str, Message] = {}
    dirs, cluster = message.get("secret_dirs") or (), in_cluster(message)
    for reference in wanted:
        try:
            answer: Message = {"value": of_kubernetes(*reference, dirs, cluster)}
        except Exception as failure:
            answer = {"error": redact_all(as_transfer_error(failure).as_dict())}
        found[kubernetes_reference(*reference)] = answer
    return found
