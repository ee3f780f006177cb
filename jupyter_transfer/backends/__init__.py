"""The registry of backends: ours, and those that other packages add by the entry point group
``jupyter_transfer.backends``.

Reading it imports the backends' modules, which import nothing heavy.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from urllib.parse import urlsplit

from ..errors import TransferError
from .base import Backend
from .broken import BrokenBackend
from .elsewhere import remedy_for

GROUP = "jupyter_transfer.backends"

# Ours by name too, so that a checkout that is not installed works.
_OWN = {
    "ftp": "jupyter_transfer.backends.ftp:FtpBackend",
    "sftp": "jupyter_transfer.backends.sftp:SftpBackend",
    "http": "jupyter_transfer.backends.http:HttpBackend",
    "s3": "jupyter_transfer.backends.s3:S3Backend",
    "git": "jupyter_transfer.backends.git:GitBackend",
    "huggingface": "jupyter_transfer.backends.huggingface:HuggingFaceBackend",
    "modelscope": "jupyter_transfer.backends.modelscope:ModelScopeBackend",
    "rclone": "jupyter_transfer.backends.rclone:RcloneBackend",
}

_REPOSITORY = re.compile(r"(?:datasets/|spaces/)?[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

_log = logging.getLogger(__name__)


def load_all() -> dict[str, type[Backend]]:
    """All backends by name, without those that are `broken`: a third package must not take the
    others down."""
    return registry()[0]


def broken() -> tuple[BrokenBackend, ...]:
    """The backends that are installed and cannot be loaded."""
    return registry()[1]


@lru_cache(maxsize=1)
def registry() -> tuple[dict[str, type[Backend]], tuple[BrokenBackend, ...]]:
    """Both, looked for once."""
    found = {name: EntryPoint(name, value, GROUP) for name, value in _OWN.items()}
    for entry_point in entry_points(group=GROUP):
        found.setdefault(entry_point.name, entry_point)
    backends: dict[str, type[Backend]] = {}
    failed = []
    for name, entry_point in sorted(found.items()):
        try:
            loaded = getattr(import_module(entry_point.module), entry_point.attr)
            if not issubclass(loaded, Backend):
                raise TypeError(f"{entry_point.value} is no Backend")
        except Exception as error:
            one = BrokenBackend.of(entry_point, error)
            failed.append(one)
            detail = _log.isEnabledFor(logging.DEBUG)
            _log.warning("The backend %s cannot be loaded: %s", name, one.cause, exc_info=detail)
            continue
        backends[name] = loaded
    return backends, tuple(failed)


def find(address: str) -> type[Backend]:
    """The backend that serves `address`. Raises ``unsupported_scheme``, ``invalid_address``."""
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        raise TransferError("invalid_address", "This is not a valid address.") from None
    best = max(load_all().values(), key=lambda backend: backend.claims(address), default=None)
    if best is None or best.claims(address) == 0:
        if is_repository_name(address):
            raise TransferError(
                "unsupported_scheme",
                "The address does not begin with a scheme such as https:.",
                said_of_repository(address),
                detail={"kind": "repository_name", "address": f"hf://{address}"},
            )
        raise _unsupported(scheme)
    return best


def _unsupported(scheme: str) -> TransferError:
    """What is told of an address of the kind `scheme`. A backend that cannot be loaded cannot say
    what it serves: of the kind that it is called after it surely is the one, of others it may be.
    """
    if not scheme:
        return TransferError(
            "unsupported_scheme",
            "The address does not begin with a scheme such as https:.",
            _supported(),
        )
    said = f"Addresses of the kind “{scheme[:20]}:” are not supported here."
    named = next((one for one in broken() if one.name == scheme), None)
    known = remedy_for(scheme)
    suspect = named or (broken()[0] if broken() and known is None else None)
    if suspect is None:
        return TransferError("unsupported_scheme", said, known or _supported())
    may = "" if named else ", which may serve them,"
    return TransferError(
        "unsupported_scheme",
        f"{said} The backend {suspect.title}{may} cannot be loaded: {suspect.cause}",
        suspect.remedy if named else f"{suspect.remedy} {_supported()}",
        detail={"kind": "broken_backend", "backend": suspect.name, "cause": suspect.cause},
    )


def _supported() -> str:
    schemes = sorted({s for backend in load_all().values() for s in backend.schemes})
    return f"Use one of: {', '.join(scheme + ':' for scheme in schemes)}."


def is_repository_name(text: str) -> bool:
    """Whether `text`, which is no address, looks like the name of a repository of a hub."""
    return bool(_REPOSITORY.fullmatch(text))


def said_of_repository(name: str) -> str:
    """What to write for the repository `name`."""
    return f"For a repository of Hugging Face write hf://{name}."


def is_remote(address: str) -> bool:
    """Whether `address` is that of a service; else it is a path below the server's root."""
    scheme, colon, _ = address.partition("://")
    if colon and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
        return True
    try:
        return any(backend.claims(address) for backend in load_all().values())
    except ValueError:
        return True  # an address that is malformed


def secret_names(*addresses: str) -> frozenset[str]:
    """Names of the secret options of a job whose ends are `addresses`; paths have none."""
    kinds = [find(address) for address in addresses if is_remote(address)]
    if len(kinds) == 2:
        from .ends import options_between  # noqa: PLC0415 - it imports this module

        between = options_between(*kinds)
        return frozenset(name for name, (_, option) in between.items() if option.secret)
    return frozenset(option.name for kind in kinds for option in kind.options if option.secret)
