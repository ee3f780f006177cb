"""How a person signs in for a job that lacks credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import TransferError
from . import find, is_remote
from .ends import name_at_destination


def way_in(job: Mapping[str, Any], error: TransferError) -> dict[str, Any]:
    """Where and by what to sign in so that `job` (its ``source``, ``destination`` and ``options``)
    goes on after `error`: ``{"sign_in": {address, backend, options, given}}``, the names of the
    job's options by those of the backend, and what else the job says of the service. Empty where
    nobody signs in there."""
    source, destination = job["source"], job["destination"]
    far = error.detail.get("end") == "destination" or not is_remote(source)
    address = destination if far else source
    if error.code != "needs_credentials" or not is_remote(address):
        return {}
    try:
        backend = find(address)
        names = {one: one for one in (*backend.signs_in_with(address), "endpoint")}
    except TransferError:
        return {}
    if far and is_remote(source):
        names = {one: name_at_destination(source, destination, one) for one in names}
    endpoint = (job.get("options") or {}).get(names.pop("endpoint"))
    if not names:
        return {}
    given = {"endpoint": endpoint} if isinstance(endpoint, str) else {}
    told = {"address": address, "backend": backend.name, "options": names, "given": given}
    return {"sign_in": told}
