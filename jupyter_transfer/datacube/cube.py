"""One DataCube: what it says, and the job that does it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ..spec import JobSpec
from .arguments import options_of
from .documents import Json, bad
from .values import Lookup, Reference, Values, reference_of

DEFAULT_BRANCH = "HEAD"
"""The `ref` that is the branch which the repository shows first; without a `ref` it is master."""

_TOKEN_IN_URL = re.compile(r"(https?://)(?:([^@/:]*):)?\$\(TOKEN\)@(.+)")


@dataclass(frozen=True)
class Cube:
    """One DataCube, checked.

    Parameters
    ----------
    name: that of its metadata.
    type: ``s3``, ``git`` or ``huggingface``.
    upload: whether it goes from the claim to the service.
    claim: name of the persistent volume claim.
    sub_path: the folder in it; "" for all of it.
    variables: name, and value or reference, of its options and of its environment, in order.
    ignored: names of fields and variables that nothing here heeds.
    """

    name: str
    type: str
    upload: bool
    claim: str
    sub_path: str
    options: tuple[Json, ...] = ()
    variables: tuple[Json, ...] = ()
    sync: bool = False
    retries: int | None = None
    deadline: int | None = None
    arguments: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    document: Json = field(default_factory=dict, compare=False, repr=False)

    @property
    def notices(self) -> tuple[str, ...]:
        """What is `ignored`, as sentences."""
        whys = {
            "template": "the folder is there",
            "resources": "nothing runs in a pod",
            "securityContext": "nothing runs in a pod",
        }
        other = "no program with an environment is started"
        return tuple(f"“{name}” is ignored: {whys.get(name, other)}." for name in self.ignored)

    def references(self) -> list[Reference]:
        """Where its values stand, as far as they are in secrets and config maps."""
        found = map(reference_of, (*self.options, *self.variables))
        return list(dict.fromkeys(one for one in found if one is not None))

    def job(self, folder: str, look_up: Lookup, refer: Lookup | None = None) -> JobSpec:
        """The job, where the claim is the folder `folder`; `refer` as in `Values`. Raises
        ``bad_request``, ``needs_credentials``."""
        values = Values(self.options, self.variables, look_up, refer)
        place = posixpath.normpath(posixpath.join(folder, self.sub_path))
        spec = _JOBS[self.type](self, values, place)
        given = options_of(self.type, self.upload, self.arguments)
        options = {**spec.options, **given}
        if self.retries is not None or self.deadline is not None:
            options["max_retries"] = self.retries or 0
        options["max_duration"] = self.deadline
        if self.type == "huggingface" and (endpoint := values.variable("HF_ENDPOINT")):
            options.setdefault("endpoint", endpoint)
        return JobSpec.from_request(
            {
                "kind": "sync" if self.sync else spec.kind,
                "source": spec.source,
                "destination": spec.destination,
                "options": {name: v for name, v in options.items() if v not in ("", None, [])},
            }
        )


# ---- the jobs -----------------------------------------------------------------------------------


def _s3(cube: Cube, values: Values, place: str) -> JobSpec:
    uri = values["s3-uri"]
    if not uri.startswith("s3://"):
        raise bad("options: s3-uri", "must begin with s3://")
    options: Json = {
        "endpoint": values.get("s3-endpoint"),
        "access_key_id": values.get("s3-access-key-id"),
        "secret_access_key": values.secret("s3-secret-access-key"),
    }
    if not cube.sync:
        options["conflict"] = "overwrite"
    if cube.upload:
        # What is sent goes below it, one file too.
        return JobSpec("send", place, f"{uri.rstrip('/')}/", options)
    return JobSpec("fetch", uri, place if cube.sync else f"{place}/", options)


def _git(cube: Cube, values: Values, place: str) -> JobSpec:
    options: Json = {"token": values.secret("token")}
    known = _TOKEN_IN_URL.fullmatch(values.text("url")) if values.refers("token") else None
    if known is None:
        url = values["url"]
    else:  # the token goes the way of secrets, not into the address
        url = values.replaced(known[1] + known[3])
        options["username"] = values.replaced(known[2] or "")
    name = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
    if not name or name in (".", ".."):
        raise bad("options: url", "must name a repository")
    scheme = url.partition(":")[0].lower()
    address = f"git+{url}" if scheme in ("http", "https", "ssh") else url
    if cube.upload:
        return JobSpec("send", f"{place}/{name}", address, options)
    ref = values.get("ref") or "master"
    options["ref"] = "" if ref == DEFAULT_BRANCH else ref
    return JobSpec("fetch", address, f"{place}/{name}", options)


def _huggingface(cube: Cube, values: Values, place: str) -> JobSpec:
    options: Json = {"token": values.secret("token"), "conflict": "overwrite"}
    address = f"hf://{values['repo']}"
    if cube.upload:
        path = posixpath.normpath(values.get("path-in-repo") or ".")
        if path.startswith(("/", "../")) or path == "..":
            raise bad("options: path-in-repo", "must stay inside the repository")
        options |= {"commit_message": values.get("commit-message"), "create_repo": True}
        return JobSpec("send", place, f"{address}/{'' if path == '.' else path}", options)
    files = [name.strip() for name in values.get("files").split(",")]
    options["include"] = ["/" + _literal(name) for name in files if name]
    return JobSpec("fetch", address, place, options)


def _literal(name: str) -> str:
    """A pattern that only `name` matches."""
    return re.sub(r"([*?\[\]{}\\])", r"\\\1", name)


_JOBS: dict[str, Callable[[Cube, Values, str], JobSpec]] = {
    "s3": _s3,
    "git": _git,
    "huggingface": _huggingface,
}
