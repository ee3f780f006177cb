"""Jobs written as DataCubes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from ..backends import find, hub_address, is_remote
from ..errors import TransferError
from ..secrets import is_reference
from .arguments import arguments_of
from .cube import DEFAULT_BRANCH
from .documents import Json
from .reading import API_VERSION, KIND, of
from .status import with_status

_UNSAID = {"approve", "connections", "credential", "credential_options", "dry_run", "start_at"}
"""Options that do not change what arrives."""

_SAME = {"conflict": "overwrite", "compare": "time", "lfs": True, "target": "folder"}
"""What a DataCube does anyway."""


def written(job: Mapping[str, Any], claim: str, sub_path: str) -> Json:
    """A DataCube that does what `job` (the contract's JSON) does, its disk end being `sub_path` in
    the claim `claim`. Secrets are referred to by the names that the platform gives them; none
    is written. Raises ``bad_request`` for what no DataCube can do."""
    kind = job["kind"]
    if kind not in ("fetch", "send", "sync"):
        raise _cannot("This kind of transfer")
    upload = kind == "send"
    writer = _Writer(job["options"], upload=upload)
    type_, service = writer.service(job["destination" if upload else "source"])
    if kind == "sync" and type_ != "s3":
        raise _cannot("A synchronisation that is not from S3")
    pvc: Json = {"type": "pvc", "pvc": {"name": claim}}
    if sub_path:
        pvc["pvc"]["subPath"] = sub_path
    ends = {"type": type_, "options": service}
    spec: Json = {"source": pvc, "sink": ends} if upload else {"source": ends, "sink": pvc}
    if executor := writer.executor(type_, sync=kind == "sync"):
        spec["executor"] = executor
    name = f"transfer-{job['id'][:8]}"
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}


def exported(job: Mapping[str, Any], claim: str, path: str, moment: str) -> Json:
    """`written`, where `path` is the disk end of `job` in the claim, with the status of a job that
    has begun; `moment` is the present time."""
    document = written(job, claim, sub_path_of(job, path))
    return with_status(of(document), dict(job), moment) if job["started"] else document


def sub_path_of(job: Mapping[str, Any], path: str) -> str:
    """The `subPath` of a DataCube that does what `job` does, where `path` is its disk end in the
    claim. Raises ``bad_request`` where the name that the job gives is not the one that a DataCube
    would."""
    clean = posixpath.normpath(path).strip("/") if path.strip("/") else ""
    clean = "" if clean == "." else clean
    source = job["destination" if job["kind"] == "send" else "source"]
    type_ = _type_of(source)
    pushed = job["kind"] == "send" and type_ == "git"
    if not pushed and (job["kind"] != "fetch" or path.endswith("/")):
        return clean
    name = source.rstrip("/").rpartition("/")[2]
    if type_ == "git":
        name = name.partition(".git")[0]
    one = not source.endswith("/") and (type_ == "s3" or _is_file(source, type_))
    if type_ == "git" or (one and job["progress"].get("files_total") == 1):
        # It lies in the folder of the DataCube, under the name of the source.
        parent, _, last = clean.rpartition("/")
        if last not in ("", name) or (pushed and not last):
            raise _cannot("What has another name than its source")
        return parent
    return clean if clean or one else name.partition("@")[0]


def _is_file(source: str, type_: str) -> bool:
    return type_ == "huggingface" and hub_address.parse(source).path != ""


class _Writer:
    """What is left to say of the options of a job."""

    def __init__(self, options: Mapping[str, Any], *, upload: bool) -> None:
        self._upload = upload
        memory = options.get("credential_options") or []
        self._in_memory = set(memory)
        self._rest = {
            name: value
            for name, value in options.items()
            if name not in _UNSAID and value is not False and value not in (None, "", [])
        }
        for name, value in _SAME.items():
            if self._rest.get(name) == value:
                del self._rest[name]
        self._env: list[Json] = []
        self._arguments: list[str] = []

    def service(self, address: str) -> tuple[str, list[Json]]:
        """Type and options of the end that is a service."""
        type_ = _type_of(address)
        if type_ == "s3":
            return type_, [*self._s3(), {"name": "s3-uri", "value": address}]
        if type_ == "git":
            return type_, self._git(address.removeprefix("git+"))
        return type_, self._hub(address)

    def executor(self, type_: str, *, sync: bool) -> Json:
        """How it is done. Raises ``bad_request`` for an option that nothing has said."""
        options: Json = {"sync": True} if sync else {}
        if (retries := self._rest.pop("max_retries", None)) is not None:
            options["backoffLimit"] = retries
        if (seconds := self._rest.pop("max_duration", None)) is not None:
            options["activeDeadlineSeconds"] = seconds
        arguments = [*self._arguments, *arguments_of(type_, self._upload, self._rest)]
        if self._rest:
            raise _cannot(f"The option “{min(self._rest)}”")
        if arguments:
            options["extraArgs"] = arguments
        return {
            **({"options": options} if options else {}),
            **({"env": self._env} if self._env else {}),
        }

    def _s3(self) -> list[Json]:
        endpoint = self._rest.pop("endpoint", None)
        key = self._rest.pop("secret_access_key", None)
        id = self._rest.pop("access_key_id", None)
        told: Json = {"value": endpoint} if endpoint else _secret("s3-env", "endpoint")
        known = id if is_reference(key) else None
        return [
            {"name": "s3-endpoint", **told},
            {
                "name": "s3-access-key-id",
                **({"value": known} if known else _secret("s3-env", "accessKeyID")),
            },
            {
                "name": "s3-secret-access-key",
                **_referred(key, _secret("s3-env", "secretAccessKey")),
            },
        ]

    def _git(self, address: str) -> list[Json]:
        url, _, ref = address.partition(".git@")
        url += ".git" if ref else ""
        ref = self._rest.pop("ref", None) or ref
        service = self._token("git")
        user = self._rest.pop("username", None)
        if service:
            user = f"{user}:" if user else ""
            url = re.sub(r"^(https?://)", rf"\g<1>{user}$(TOKEN)@", url)
        elif user:
            raise _cannot("The option “username”")
        service.append({"name": "url", "value": url})
        if not self._upload:
            service.append({"name": "ref", "value": ref or DEFAULT_BRANCH})
        elif ref:
            raise _cannot("The option “ref”")
        return service

    def _hub(self, address: str) -> list[Json]:
        place = hub_address.parse(address)
        kind = place.kind or self._rest.pop("repo_type", None) or "model"
        self._rest.pop("repo_type", None)
        revision = self._rest.pop("revision", None) or place.revision
        if kind != "model":
            self._arguments += ["--repo-type", kind]
        if revision:
            self._arguments += ["--revision", revision]
        if endpoint := self._rest.pop("endpoint", None):
            self._env.append({"name": "HF_ENDPOINT", "value": endpoint})
        service = [*self._token("huggingface"), {"name": "repo", "value": place.repo}]
        if self._upload:
            path = place.path or "."
            self._rest.pop("create_repo", None)
            service.append({"name": "path-in-repo", "value": path})
            if message := self._rest.pop("commit_message", None):
                service.append({"name": "commit-message", "value": message})
        else:
            service += self._files(place)
        return service

    def _files(self, place: hub_address.Place) -> list[Json]:
        """The files that are named one by one; a folder is a pattern."""
        names = [_literal(pattern) for pattern in self._rest.get("include", [])]
        if place.path and (place.is_folder or "/" in place.path):
            raise _cannot("What lies in a folder of a repository")
        if place.path:
            return [{"name": "files", "value": place.path}]
        if not names or not all(names):
            return []
        del self._rest["include"]
        return [{"name": "files", "value": ",".join(name for name in names if name)}]

    def _token(self, secret: str) -> list[Json]:
        token = self._rest.pop("token", None)
        if token is None and "token" not in self._in_memory:
            return []
        return [{"name": "token", **_referred(token, _secret(secret, "token"))}]


def _type_of(address: str) -> str:
    """The type of a DataCube's service. Raises ``bad_request`` for any other."""
    name = find(address).name if is_remote(address) else ""
    if name not in ("s3", "git", "huggingface"):
        raise _cannot("A transfer from or to this address")
    return name


def _literal(pattern: str) -> str | None:
    """The one file that `pattern` matches, None if it may be several."""
    plain = re.sub(r"\\([*?\[\]{}\\])", "", pattern)
    if not pattern.startswith("/") or re.search(r"[*?\[\]{}\\,]", plain):
        return None
    return re.sub(r"\\([*?\[\]{}\\])", r"\1", pattern[1:])


def _referred(value: Any, otherwise: Json) -> Json:
    """A variable's source for a secret that a job refers to."""
    kind, _, rest = str(value or "").partition(":")
    if kind.lower() != "kubernetes":
        return otherwise
    where, name, key = rest.split("/")
    return {"valueFrom": {f"{where}KeyRef": {"name": name, "key": key}}}


def _secret(name: str, key: str) -> Json:
    return {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def _cannot(what: str) -> TransferError:
    return TransferError(
        "bad_request",
        f"{what} cannot be written as a DataCube.",
        "DataCubes move files between a claim and S3, git or Hugging Face.",
    )
