"""Logins that are kept where the official client of their service keeps them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from ..cookiejars import jar_with
from ..errors import TransferError, from_os_error
from ..loginfiles import with_machine, with_section
from .clients import hugging_face_home
from .files import MAX_FILE
from .masks import MASKS
from .references import check_reference, keyring_name


def secret_from(path: str) -> str:
    """The secret in the first line of the file at `path`; of standard input for ``-``. It is masked
    in texts from now on. Raises ``bad_request`` where there is none, or it cannot be read."""
    try:
        if path == "-":
            line = sys.stdin.readline(MAX_FILE)
        else:
            with Path(path).expanduser().open(encoding="utf-8") as file:
                line = file.readline(MAX_FILE)
    except OSError as error:
        raise from_os_error(error, path) from None
    except UnicodeDecodeError:
        raise TransferError("bad_request", "The secret is no text.") from None
    secret = line.strip()
    if not secret:
        raise TransferError(
            "bad_request", "There is no secret in it.", "Put it into the first line."
        )
    MASKS.add(secret)
    return secret


def save_hugging_face(token: str, name: str) -> str:
    """Keep `token` as ``hf auth login`` does: active, and under `name` in the list of the tokens of
    this person (huggingface_hub, ``_login.py``). The path of its file. Raises ``read_only`` …"""
    named = os.environ.get("HF_TOKEN_PATH")
    path = os.path.expandvars(named or f"{hugging_face_home()}/token")
    stored = os.path.join(os.path.dirname(path), "stored_tokens")
    _change(stored, lambda text: with_section(text, name, {"hf_token": token}))
    _change(path, lambda text: token)
    return path


def save_modelscope(token: str, hub: str) -> str:
    """Keep `token` as ``modelscope login`` does, as a cookie of `hub` (modelscope-hub,
    `HubConfig`); the path of its file."""
    home = os.environ.get("MODELSCOPE_HOME") or "~/.modelscope"
    path = f"{home}/credentials/cookies"
    jar = jar_with("m_session_id", token, urlsplit(hub).hostname or "")
    _change(path, lambda text: jar.decode("utf-8", "surrogateescape"))
    return path


def save_aws(profile: str, keys: Mapping[str, str], settings: Mapping[str, str]) -> list[str]:
    """Keep `keys` (``aws_access_key_id`` …) and `settings` (``region``, ``endpoint_url``) as those
    of `profile`, where AWS's own tools look (AWS CLI, "Configuration and credential file
    settings"). The paths of the files that were written."""
    environment = os.environ
    path = environment.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    _change(path, lambda text: with_section(text, profile, keys))
    if not settings:
        return [path]
    config = environment.get("AWS_CONFIG_FILE") or "~/.aws/config"
    section = profile if profile == "default" else f"profile {profile}"
    _change(config, lambda text: with_section(text, section, settings))
    return [path, config]


def save_netrc(host: str, username: str, password: str) -> str:
    """Keep a login in ``~/.netrc`` (or the file that NETRC names); the path of the file."""
    path = os.environ.get("NETRC") or "~/.netrc"
    _change(path, lambda text: with_machine(text, host, username, password))
    return path


def save_keyring(reference: str, secret: str) -> None:
    """Keep `secret` where `reference` (``keyring:SERVICE/USER``) will find it. Raises
    ``bad_request``, ``tool_missing``."""
    check_reference(reference)
    service, _, user = reference.partition(":")[2].rpartition("/")
    if keyring_name() is None:
        raise TransferError(
            "tool_missing",
            "There is no keyring on this machine.",
            'Run pip install "jupyter_transfer[keyring]", or use a file or a variable.',
        )
    import keyring  # noqa: PLC0415 - optional, and slow to load

    try:
        keyring.set_password(service, user, secret)
    except Exception as error:  # whatever a keyring of the desktop raises
        raise TransferError(
            "internal", f"The keyring refused it: {type(error).__name__}."
        ) from None


def _change(path: str, change: Callable[[str], str]) -> None:
    """Replace the text of a file of this person by what `change` makes of it: as a whole, with mode
    0600, in a folder that is made with mode 0700. A link stays one. Raises ``read_only`` …"""
    real = Path(os.path.realpath(Path(path).expanduser()))
    part = real.with_name(f".{real.name}.{token_hex(8)}")
    try:
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        old = real.read_bytes().decode("utf-8", "surrogateescape") if real.exists() else ""
        new = change(old).encode("utf-8", "surrogateescape")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
            part.rename(real)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise from_os_error(error, str(real)) from None
