"""Jobs written as DataCubes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import TransferError
from .documents import Json

API_VERSION = "tensorstack.dev/v1beta1"
KIND = "DataCube"


def written(job: Mapping[str, Any], claim: str, sub_path: str) -> Json:
    """A DataCube that does what `job` (the contract's JSON) does, its disk end being `sub_path` in
    the claim `claim`. Secrets are referred to by the names that the platform gives them; none
    is written. Raises ``bad_request`` for what no DataCube can do."""
    kind, source, destination = job["kind"], job["source"], job["destination"]
    upload = kind == "send"
    address, options = (destination if upload else source), job["options"]
    if kind not in ("fetch", "send", "sync"):
        raise _cannot("This kind of transfer")
    if address.startswith("s3://"):
        service: list[Json] = [*_exported_s3(options), {"name": "s3-uri", "value": address}]
        type_ = "s3"
    elif not upload and kind == "fetch" and address.startswith("git+"):
        url, _, ref = address.removeprefix("git+").partition(".git@")
        service = [{"name": "url", "value": url + (".git" if ref else "")}]
        service.append({"name": "ref", "value": options.get("ref") or ref or "master"})
        type_ = "git"
    elif not upload and kind == "fetch" and address.startswith("hf://"):
        service = [{"name": "repo", "value": address.removeprefix("hf://")}]
        type_ = "huggingface"
    else:
        raise _cannot("A transfer from or to this address")
    pvc: Json = {"type": "pvc", "pvc": {"name": claim, "subPath": sub_path}}
    ends = {"type": type_, "options": service}
    spec: Json = {"source": pvc, "sink": ends} if upload else {"source": ends, "sink": pvc}
    if kind == "sync":
        spec["executor"] = {"options": {"sync": True}}
    name = f"transfer-{job['id'][:8]}"
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}


def _exported_s3(options: Mapping[str, Any]) -> Sequence[Json]:
    def secret(key: str) -> Json:
        return {"valueFrom": {"secretKeyRef": {"name": "s3-env", "key": key}}}

    endpoint = options.get("endpoint")
    return [
        {"name": "s3-endpoint", **({"value": endpoint} if endpoint else secret("endpoint"))},
        {"name": "s3-access-key-id", **secret("accessKeyID")},
        {"name": "s3-secret-access-key", **secret("secretAccessKey")},
    ]


def _cannot(what: str) -> TransferError:
    return TransferError(
        "bad_request",
        f"{what} cannot be written as a DataCube.",
        "DataCubes move files between a claim and S3, git or Hugging Face.",
    )
