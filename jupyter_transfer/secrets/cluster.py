"""Secrets of the Kubernetes cluster that the server runs in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..errors import TransferError
from .files import read_secret
from .masks import MASKS

InCluster = Callable[[str, str, str], str]
"""``(kind, name, key)`` -> what a cluster holds in a ``secret`` or ``configMap``. Raises
``needs_credentials``."""

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod finds its service account (Kubernetes, "Accessing the Kubernetes API from a Pod")."""


@dataclass(frozen=True)
class ServiceAccount:
    """What a pod calls the API server of its cluster with. Its `repr` hides the token.

    Parameters
    ----------
    url: address of the API server, without ``/`` at its end.
    namespace: the one that the pod runs in.
    ca_file: the authority that has signed the API server's certificate.
    """

    url: str
    namespace: str
    ca_file: str
    token: str = field(repr=False)


def service_account(folder: str = SERVICE_ACCOUNT) -> ServiceAccount | None:
    """The service account of the pod that this process runs in, None outside of a cluster. The
    token is read each time: the cluster replaces it every hour or so."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    port = os.environ.get("KUBERNETES_SERVICE_PORT") or "443"
    if not host or not folder:
        return None
    try:
        token, namespace = (read_secret(f"{folder}/{n}", [folder]) for n in ("token", "namespace"))
    except TransferError:
        return None
    if not token.strip() or not namespace.strip():
        return None
    MASKS.add(token.strip())
    host = f"[{host}]" if ":" in host else host
    return ServiceAccount(
        f"https://{host}:{port}", namespace.strip(), f"{folder}/ca.crt", token.strip()
    )


def of_kubernetes(
    kind: str, name: str, key: str, secret_dirs: Iterable[str], in_cluster: InCluster | None
) -> str:
    """What a ``secret`` or ``configMap`` holds: in a folder that it is mounted in (``name/key``
    below one of `secret_dirs`), else in the cluster. Raises ``needs_credentials``, and what the
    cluster cannot be reached of."""
    folders = [os.path.abspath(folder) for folder in secret_dirs]
    for folder in folders:
        path = f"{folder}/{name}/{key}"
        if os.path.lexists(path):
            return read_secret(path, [folder])
    if in_cluster is not None:
        return in_cluster(kind, name, key)
    raise TransferError(
        "needs_credentials",
        f"The {kind} “{name}” with the key “{key}” is wanted, and not mounted here.",
        "Enter the value, or have it mounted in one of `secret_dirs`, as NAME/KEY.",
    )
