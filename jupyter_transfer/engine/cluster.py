"""Secrets and config maps of the Kubernetes cluster that this process runs in.

Asked of the API server (``GET /api/v1/namespaces/{namespace}/secrets/{name}``) as the service
account of the pod, over the one transport. Which role that has is the administrator's affair.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from typing import Any

from ..backends.base import Answer
from ..errors import TransferError
from ..net import Policy
from ..secrets import ServiceAccount
from .client import Client
from .transport import Timeouts, Transport

_PLURALS = {"secret": "secrets", "configMap": "configmaps"}

_LONGEST = 4 << 20
"""Bytes in an answer; an object has at most 1 MiB, in base64 and with who may edit it."""

_TIMEOUTS = Timeouts(connect=5.0, stall=10.0, answer=10.0)


class Cluster:
    """Reads the cluster's objects, each once; an `InCluster`."""

    def __init__(self, account: ServiceAccount) -> None:
        self._account = account
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self._failure: TransferError | None = None

    def __call__(self, kind: str, name: str, key: str) -> str:
        """The value of `key` in the ``secret`` or ``configMap`` called `name`.

        Raises ``needs_credentials`` where it is not there or may not be read, and what goes wrong
        on the way.
        """
        if (kind, name) not in self._objects:
            self._objects[kind, name] = self._read(kind, name)
        value = _value(kind, self._objects[kind, name], key)
        if value is None:
            raise _missing(f"The {kind} “{name}” has no key “{key}”.")
        return value

    def _read(self, kind: str, name: str) -> dict[str, Any]:
        answer = self._ask(kind, name)
        if answer.status in (401, 403):
            raise TransferError(
                "needs_credentials",
                f"This server may not read the {kind} “{name}” of its cluster "
                f"(status {answer.status}).",
                "Enter the value; or ask the administrator to let the service account get "
                f"{_PLURALS[kind]}, or to mount it in one of `secret_dirs`.",
            )
        if answer.status == 404:
            raise _missing(f"There is no {kind} “{name}” in the namespace of this server.")
        if answer.status != 200:
            raise TransferError(
                "remote_busy" if answer.status >= 500 or answer.status == 429 else "remote_refused",
                f"The cluster answered with status {answer.status} to the question for a {kind}.",
            )
        try:
            loaded = json.loads(answer.body)
        except ValueError:
            loaded = None
        parts = (
            (loaded.get("data"), loaded.get("binaryData")) if isinstance(loaded, dict) else ("",)
        )
        if not all(isinstance(part, (dict, type(None))) for part in parts):
            raise TransferError("remote_lied", "The cluster did not answer with its JSON.")
        found: dict[str, Any] = loaded
        return found

    def _ask(self, kind: str, name: str) -> Answer:
        """Ask for an object; who could not be reached is not called again."""
        account = self._account
        if self._failure is not None:
            raise self._failure
        try:
            # The address is the one that the cluster itself gave this server.
            with Transport(Policy(local=True), account.ca_file, timeouts=_TIMEOUTS) as transport:
                return Client(transport, lambda: None).call(
                    f"{account.url}/api/v1/namespaces/{account.namespace}/{_PLURALS[kind]}/{name}",
                    headers={
                        "Authorization": f"Bearer {account.token}",
                        "Accept": "application/json",
                    },
                    follow=False,
                    limit=_LONGEST,
                )
        except TransferError as failure:
            self._failure = failure
            raise


def _value(kind: str, found: dict[str, Any], key: str) -> str | None:
    """The value of `key`; in base64 are those of secrets, and binary ones (Kubernetes API, Secret
    and ConfigMap)."""
    data, binary = found.get("data") or {}, found.get("binaryData") or {}
    if kind == "configMap" and isinstance(data.get(key), str):
        return str(data[key])
    encoded = (data if kind == "secret" else binary).get(key)
    if not isinstance(encoded, str):
        return None
    try:
        text = b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise TransferError(
            "bad_request", f"The value of the key “{key}” in a {kind} is no text."
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


def _missing(message: str) -> TransferError:
    return TransferError(
        "needs_credentials", message, "Enter the value, or correct the name in the file."
    )
