"""What the official clients of services keep on this machine, and where."""

from __future__ import annotations

import netrc
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from ..cookiejars import cookies_in
from .credential import Credential
from .files import MAX_FILE
from .masks import MASKS


def from_netrc(host: str) -> Credential | None:
    """What ``~/.netrc`` (or the file that NETRC names) holds for exactly this host.

    Its ``default`` entry is not used: it would send a password to any host that a redirect or a
    typing error names. A file that is missing or malformed holds nothing.
    """
    path = os.environ.get("NETRC") or str(Path("~/.netrc").expanduser())
    try:
        entry = netrc.netrc(path).hosts.get(host)
    except (OSError, ValueError, netrc.NetrcParseError):
        return None
    if entry is None or not entry[2]:
        return None
    login, account, password = entry
    return Credential(login or account or "", password or "")


_TRUE = {"1", "ON", "YES", "TRUE"}


def from_hugging_face() -> Credential | None:
    """The token that the official client would take: HF_TOKEN, else the file of its login
    (huggingface_hub, "Environment variables"); none where HF_HUB_DISABLE_IMPLICIT_TOKEN says so.
    It is masked in texts from now on."""
    environment = os.environ
    if environment.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in _TRUE:
        return None
    token = environment.get("HF_TOKEN") or environment.get("HUGGING_FACE_HUB_TOKEN") or ""
    if not token.strip():
        named = environment.get("HF_TOKEN_PATH")
        path = Path(os.path.expandvars(named or f"{hugging_face_home()}/token")).expanduser()
        try:
            token = path.read_text("utf-8", "replace") if path.stat().st_size <= MAX_FILE else ""
        except (OSError, RuntimeError, ValueError):
            return None
    token = re.sub(r"\s", "", token)
    if not token:
        return None
    MASKS.add(token)
    return Credential(token=token)


def hugging_face_home() -> str:
    """The folder that the official client keeps its login and its cache in."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return os.environ.get("HF_HOME") or f"{cache}/huggingface"


def hugging_face_cache() -> str:
    """The folder in which the official client keeps files, as an absolute path."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    path = os.path.expandvars(named or f"{hugging_face_home()}/hub")
    return str(Path(path).expanduser().absolute())


def hugging_face_endpoint() -> str | None:
    """The hub that the environment names (HF_ENDPOINT), without ``/`` at its end."""
    return os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or None


def from_modelscope(hub: str) -> Credential | None:
    """The token that the official client would take at `hub`: MODELSCOPE_API_TOKEN (an empty one
    is none), else the one that its login has kept (modelscope-hub, `HubConfig`), if that was made
    at this hub. It is masked in texts from now on."""
    token = os.environ.get("MODELSCOPE_API_TOKEN")
    if token is None:
        home = os.environ.get("MODELSCOPE_HOME") or "~/.modelscope"
        try:
            path = Path(home).expanduser() / "credentials" / "cookies"
            data = path.read_bytes() if path.stat().st_size <= MAX_FILE else b""
        except (OSError, RuntimeError, ValueError):
            return None
        token = next(iter(cookies_in(data, "m_session_id", urlsplit(hub).hostname or "")), "")
    token = re.sub(r"\s", "", token)
    if not token:
        return None
    MASKS.add(token)
    return Credential(token=token)


def modelscope_cache() -> str:
    """The folder in which the official client keeps files, as an absolute path."""
    path = os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope"
    return str(Path(path).expanduser().absolute())


def modelscope_endpoint() -> str | None:
    """The hub that the environment names (MODELSCOPE_ENDPOINT), without ``/`` at its end."""
    named = os.environ.get("MODELSCOPE_ENDPOINT") or os.environ.get("MODELSCOPE_DOMAIN") or ""
    named = named.strip().rstrip("/")
    if named and "://" not in named:
        named = f"https://{named}"
    return named or None
