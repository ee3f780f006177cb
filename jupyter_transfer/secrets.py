"""The gate to credentials: the only module that reads one, and the one that hides them in texts.

A credential belongs to one origin. It lives in memory, goes into the header of a request to that
origin, and nowhere else: not into a URL, a job's record, an argument list, a log or an event.
"""

from __future__ import annotations

import getpass
import hmac
import json
import logging
import netrc
import os
import re
import stat
import sys
import threading
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha1
from pathlib import Path
from secrets import token_hex
from traceback import format_exception
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit, urlunsplit

from .cookiejars import cookies_in, jar_with
from .errors import TransferError, from_os_error
from .loginfiles import with_machine, with_section

HIDDEN = "***"

_log = logging.getLogger(__name__)

MAX_FILE = 64 << 10
"""Bytes in a file that holds one secret."""

LEAST_TO_MASK = 4
"""Characters of a secret from which on it is masked wherever it stands in a text; a shorter one
would be found in half of all words."""

LEAST_TO_REFUSE = 8
"""Characters of a secret from which on what holds it is taken to hold it on purpose."""


@dataclass(frozen=True)
class Credential:
    """A user name with a password, or a bearer token. Its `repr` shows neither."""

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def from_dict(cls, value: dict[str, Any] | None) -> Credential | None:
        """The credential that `as_dict` wrote; None stays None."""
        if not value:
            return None
        return cls(
            str(value.get("username") or ""),
            str(value.get("password") or ""),
            str(value.get("token") or ""),
        )

    def as_dict(self) -> dict[str, str]:
        """The credential in clear, for the pipe to a worker only."""
        return {"username": self.username, "password": self.password, "token": self.token}

    def secrets(self) -> list[str]:
        """What must not be seen of it: a user name alone is a token."""
        return [self.password or self.username, self.token]

    def authorization(self) -> str:
        """The value of the header ``Authorization`` (RFC 7617 basic, RFC 6750 bearer)."""
        if self.token:
            return f"Bearer {self.token}"
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + b64encode(pair).decode("ascii")


@dataclass(frozen=True)
class Login:
    """What FTP and SFTP log in with. Its `repr` shows nothing secret.

    Parameters
    ----------
    key_file, passphrase: a private key of the person, and what opens it.
    ambient: whether keys of ``~/.ssh`` and of ``ssh-agent`` may be offered, and ``known_hosts`` may
        learn a key that the person accepted.
    host_key: the fingerprint that the person accepted, ``SHA256:`` and base64; None to go by
        ``known_hosts`` alone.
    tls: of FTP: ``auto`` (where the server offers it), ``required`` or ``off``.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    key_file: str | None = None
    passphrase: str = field(default="", repr=False)
    ambient: bool = False
    host_key: str | None = None
    tls: str = "auto"


def split_userinfo(url: str) -> tuple[str, Credential | None]:
    """`url` without ``user:password@``, and what stood there.

    A user name alone, as in ``https://TOKEN@host/``, is kept as user name with empty password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    clean = urlunsplit(parts._replace(netloc=host))
    username, _, password = userinfo.partition(":")
    if not username and not password:
        return clean, None
    return clean, Credential(unquote(username), unquote(password))


_SECRET_PARAMETER = re.compile(
    r"(?:x-[a-z]+-)?(?:[a-z0-9_.-]*(?:signature|token|password|passwd|secret|api[_-]?key)"
    r"|sig|auth|authorization|jwt|pass|pwd)",
    re.IGNORECASE,
)
_KEY_PARAMETER = re.compile(r"key|code", re.IGNORECASE)
_KEY_VALUE = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_=%-]{20,}")
"""What makes a parameter that is only called “key” the key of an interface: it is no name."""


def split_query(url: str) -> tuple[str, str | None]:
    """`url` without the parameters of its query that are secret (signatures, tokens, keys), and
    the whole query; None where nothing in it is secret. Order and spelling of what stays are kept,
    since signatures cover them."""
    head, mark, rest = url.partition("?")
    query, hash_mark, fragment = rest.partition("#")
    parameters = query.split("&")
    kept = [one for one in parameters if not _is_secret(one)]
    if not mark or "#" in head or len(kept) == len(parameters):
        return url, None
    return head + ("?" + "&".join(kept) if kept else "") + hash_mark + fragment, query


def _is_secret(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    name = unquote_plus(name)
    if not value:
        return False
    if _KEY_PARAMETER.fullmatch(name):
        return _KEY_VALUE.fullmatch(value) is not None
    return _SECRET_PARAMETER.fullmatch(name) is not None


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


# ---- Hugging Face ---------------------------------------------------------------------------

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


# ---- ModelScope -----------------------------------------------------------------------------


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


# ---- SSH ------------------------------------------------------------------------------------

_SSH_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


def own_name() -> str:
    """The name under which this process logs in where no other is given, as ``ssh`` does."""
    return getpass.getuser()


def ssh_keys(login: Login) -> tuple[str | None, str | None]:
    """The files of the private and the public key that `login` offers: those that it names, else
    what ``ssh`` would take, if it may have any of these; None for what is not there.

    Raises ``needs_credentials`` where it may not have the named one, ``bad_request`` where that
    cannot be read.
    """
    if not login.ambient:
        if login.key_file:
            raise TransferError(
                "needs_credentials", "The key file is one of the account of this server."
            )
        return None, None
    folder = Path("~/.ssh").expanduser()
    if login.key_file:
        named = Path(login.key_file).expanduser()
        if not os.access(named, os.R_OK):
            raise TransferError(
                "bad_request", "The key file cannot be read.", "Give the path of your private key."
            )
        private: Path | None = named
    else:
        private = next((folder / n for n in _SSH_KEYS if os.access(folder / n, os.R_OK)), None)
    if private is None:
        return None, None
    public = private.with_name(private.name + ".pub")
    return str(private), str(public) if public.is_file() else None


def known_hosts(host: str, port: int, marker: str = "") -> list[tuple[str, str]]:
    """Type and base64 of each key that ``ssh`` knows for a host: by the person's file and the
    system's (sshd(8), "SSH known_hosts file format"), on lines with `marker` (``@revoked``) or
    without any. What is malformed does not count; a host that one pattern excludes is not known by
    that line."""
    name = host if port == 22 else f"[{host}]:{port}"
    found = []
    for path in (_known_hosts_file(), *_SYSTEM_KNOWN_HOSTS):
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            mark = fields.pop(0) if line.startswith("@") else ""
            if mark == marker and len(fields) >= 3 and line[0] != "#" and _names(fields[0], name):
                found.append((fields[1], fields[2]))
    return found


_SYSTEM_KNOWN_HOSTS = (Path("/etc/ssh/ssh_known_hosts"),)


def known_hosts_files() -> list[str]:
    """Where keys of hosts are known from: the person's file, then the system's."""
    return [str(path) for path in (_known_hosts_file(), *_SYSTEM_KNOWN_HOSTS)]


def _known_hosts_file() -> Path:
    return Path("~/.ssh/known_hosts").expanduser()


def _names(patterns: str, name: str) -> bool:
    """Whether the first field of a line means the host `name`."""
    if patterns.startswith("|1|"):
        salt, _, digest = patterns[3:].partition("|")
        try:
            wanted = b64decode(digest, validate=True)
            mac = hmac.new(b64decode(salt, validate=True), name.encode(), sha1).digest()
        except ValueError:
            return False
        return hmac.compare_digest(mac, wanted)
    each = patterns.lower().split(",")
    if any(p.startswith("!") and _matches(name, p[1:]) for p in each):
        return False
    return any(_matches(name, p) for p in each)


def _matches(name: str, pattern: str) -> bool:
    """``*`` and ``?`` only; brackets are part of a name with a port."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name.lower()) is not None


def remember_host_key(host: str, port: int, key_type: str, key: str) -> None:
    """Add the base64 `key` of a host, which the person accepted, as ``ssh`` does (sshd(8), "SSH
    known_hosts file format"). A file that cannot be written is left: the person is asked again."""
    path = _known_hosts_file()
    name = host if port == 22 else f"[{host}]:{port}"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            old = file.read()
            start = b"" if not old or old.endswith(b"\n") else b"\n"
            file.write(start + f"{name} {key_type} {key}\n".encode())
    except OSError as error:
        _log.warning("The key of %s was not remembered: %s", host, error.strerror)


# ---- references -------------------------------------------------------------------------------

_REFERENCE = re.compile(r"(env|file|keyring|kubernetes):", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_KUBERNETES = re.compile(r"(secret|configMap)/([A-Za-z0-9._-]{1,253})/([A-Za-z0-9._-]{1,253})")

InCluster = Callable[[str, str, str], str]
"""``(kind, name, key)`` -> what a cluster holds in a ``secret`` or ``configMap``. Raises
``needs_credentials``."""


def is_reference(value: object) -> bool:
    """Whether `value` only says where a secret lies: ``env:NAME``, ``file:PATH``,
    ``keyring:SERVICE/USER`` or ``kubernetes:secret/NAME/KEY``. Such a text is no secret and may be
    kept."""
    return isinstance(value, str) and _REFERENCE.match(value) is not None


def check_reference(value: str) -> None:
    """Raise ``bad_request`` for a reference that cannot lead anywhere."""
    kind, _, rest = value.partition(":")
    good = {
        "env": bool(_VARIABLE.fullmatch(rest)),
        "file": rest.startswith(("/", "~/")) and "\0" not in rest,
        "keyring": all(rest.rpartition("/")[::2]),
        "kubernetes": bool(_OF_KUBERNETES.fullmatch(rest)) and ".." not in rest,
    }
    if not good[kind.lower()]:
        raise TransferError(
            "bad_request",
            f"A reference that begins with “{kind.lower()}:” is malformed.",
            "Use env:NAME, file:/PATH, file:~/PATH, keyring:SERVICE/USER or "
            "kubernetes:secret/NAME/KEY.",
        )


def kubernetes_reference(kind: str, name: str, key: str) -> str:
    """The reference to a key of a ``secret`` or ``configMap``."""
    return f"kubernetes:{kind}/{name}/{key}"


def refers(options: Mapping[str, Any]) -> bool:
    """Whether one of `options` is a reference."""
    return any(map(is_reference, options.values()))


def resolve(
    reference: str,
    secret_dirs: Iterable[str] = (),
    variables: Iterable[str] = ("*",),
    in_cluster: InCluster | None = None,
) -> str:
    """The secret that `reference` leads to; it is masked in texts from now on.

    A variable's name must match one of the patterns `variables`. A file must be a regular one of
    this user that nobody else may read (mode 0600 or 0400) in the home folder; what lies in one of
    `secret_dirs` is the administrator's to protect. What Kubernetes holds is looked for as
    `of_kubernetes` says.

    Raises ``needs_credentials`` when nothing usable is there, ``bad_request``.
    """
    check_reference(reference)
    kind, _, rest = reference.partition(":")
    if kind.lower() == "env":
        if not any(fnmatchcase(rest, pattern) for pattern in variables):
            raise _no_secret("env", "the administrator keeps that one from transfers")
        value = os.environ.get(rest) or ""
    elif kind.lower() == "file":
        value = _read_secret(rest, secret_dirs)
    elif kind.lower() == "kubernetes":
        where, name, key = rest.split("/")
        value = of_kubernetes(where, name, key, secret_dirs, in_cluster)
    else:
        value = _from_keyring(*rest.rpartition("/")[::2])
    if not value:
        raise _no_secret(kind.lower(), "nothing is there")
    MASKS.add(*secrets_in(value))
    return value


def _no_secret(kind: str, why: str) -> TransferError:
    names = {
        "env": "a variable",
        "file": "a file",
        "keyring": "the keyring",
        "kubernetes": "a secret",
    }
    return TransferError(
        "needs_credentials",
        f"The credentials should be in {names[kind]} of the server, but {why}.",
        "Put them there, or enter them here.",
    )


def _read_secret(path: str, secret_dirs: Iterable[str]) -> str:
    real = os.path.realpath(Path(path).expanduser())
    folders = [os.path.realpath(folder) for folder in secret_dirs]
    trusted = any(_lies_in(real, folder) for folder in folders)
    if not trusted and not _lies_in(real, os.path.realpath(Path.home())):
        raise _no_secret("file", "it lies outside the home folder and the secret folders")
    try:
        fd = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise _no_secret("file", "it cannot be opened") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            raise _no_secret("file", "it is no short, regular file")
        if not trusted and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            raise _no_secret("file", "others may read it: give it the mode 0600")
        data = os.read(fd, MAX_FILE)
    except OSError:
        raise _no_secret("file", "it cannot be read") from None
    finally:
        os.close(fd)
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _no_secret("file", "it is no text") from None


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to load
    except ImportError:
        raise _no_secret("keyring", "the package “keyring” is not installed") from None
    try:
        return keyring.get_password(service, user) or ""
    except Exception as error:  # whatever a keyring of the desktop raises
        raise _no_secret("keyring", f"it said {type(error).__name__}") from None


def keyring_name() -> str | None:
    """Which keyring the package “keyring” has found here; None when there is none to use."""
    try:
        import keyring  # noqa: PLC0415 - optional, and slow to load
        from keyring.backends.fail import Keyring  # noqa: PLC0415

        found = keyring.get_keyring()
    except Exception:  # not installed, or whatever a keyring of the desktop raises
        return None
    return None if isinstance(found, Keyring) else str(found.name)


# ---- logins of official clients -------------------------------------------------------------


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


# ---- Kubernetes -------------------------------------------------------------------------------

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
        token, namespace = (_read_secret(f"{folder}/{n}", [folder]) for n in ("token", "namespace"))
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
            return _read_secret(path, [folder])
    if in_cluster is not None:
        return in_cluster(kind, name, key)
    raise TransferError(
        "needs_credentials",
        f"The {kind} “{name}” with the key “{key}” is wanted, and not mounted here.",
        "Enter the value, or have it mounted in one of `secret_dirs`, as NAME/KEY.",
    )


# ---- what a job holds -------------------------------------------------------------------------


def secrets_in(value: str) -> list[str]:
    """`value` of a secret option, and the parts of it that are secret by themselves: the values of
    header lines, of the secret parameters of a query, and of a JSON object."""
    found = [value]
    for line in value.splitlines():
        name, colon, rest = line.partition(":")
        if colon and _FIELD_NAME.fullmatch(name.strip()):
            found += [rest.strip(), *rest.split()]
    for parameter in value.rpartition("?")[2].split("&"):
        if _is_secret(parameter):
            found.append(unquote(parameter.partition("=")[2]))
    if value.lstrip().startswith("{"):
        with suppress(ValueError):
            found += [one for one in json.loads(value).values() if isinstance(one, str)]
    return [value] + [one for one in found[1:] if len(one) >= LEAST_TO_REFUSE]


_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True)
class Held:
    """What a job may use and nobody may read, kept in memory under the job's id.

    Parameters
    ----------
    credential: the userinfo of the address, of a copy's source.
    destination: the userinfo of the destination of a copy.
    options: values of secret options by their names.
    """

    credential: Credential | None = None
    destination: Credential | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.credential or self.destination or self.options)

    def and_then(self, other: Held) -> Held:
        """Both; what `other` has counts more."""
        return Held(
            other.credential or self.credential,
            other.destination or self.destination,
            {**self.options, **other.options},
        )

    def values(self) -> list[str]:
        """All that must not be seen."""
        both = [one for one in (self.credential, self.destination) if one is not None]
        texts = [text for value in self.options.values() for text in secrets_in(value)]
        return [*(text for one in both for text in one.secrets()), *texts]

    def as_dict(self) -> dict[str, Any]:
        """All of it in clear, for the pipe to a worker only."""
        return {
            "credential": self.credential.as_dict() if self.credential else None,
            "destination": self.destination.as_dict() if self.destination else None,
            "options": dict(self.options),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any] | None) -> Held:
        """What `as_dict` wrote; None is nothing."""
        value = value or {}
        return cls(
            Credential.from_dict(value.get("credential")),
            Credential.from_dict(value.get("destination")),
            dict(value.get("options") or {}),
        )


def ask_secret(prompt: str) -> str:
    """What the person at the terminal types, which is not shown; it is masked in texts from now
    on."""
    secret = getpass.getpass(prompt)
    MASKS.add(secret)
    return secret


class Vault:
    """The secrets of the jobs of this process, in its memory only. What is held is masked in
    every text that `redact` sees."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._held

    def get(self, id: str) -> Held:
        """What the job `id` holds; nothing is an empty `Held`."""
        return self._held.get(id, Held())

    def add(self, id: str, held: Held) -> None:
        """The job `id` holds this, too."""
        before = self.get(id)
        self._held[id] = before.and_then(held)
        MASKS.add(*self._held[id].values())
        MASKS.drop(*before.values())

    def drop(self, id: str) -> None:
        """Forget what the job `id` holds."""
        held = self._held.pop(id, None)
        if held is not None:
            MASKS.drop(*held.values())


def tool_environment(prefix: str, kept: re.Pattern[str]) -> dict[str, str]:
    """The environment of a child process: this one without the variables that begin with `prefix`
    unless all of their name matches `kept`."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(prefix) or kept.fullmatch(name)
    }


def environment_of(names: Iterable[str]) -> dict[str, str]:
    """Those variables of this process that are called so and hold something."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


_NO_SECRETS = re.compile(
    r"PATH|TZ|TMPDIR|LANG|LC_[A-Z]+|SSL_CERT_(FILE|DIR)|(https?|all|no)_proxy", re.IGNORECASE
)


def bare_environment() -> dict[str, str]:
    """The environment of a child process that finds no credential of this account: neither by
    variables nor in the home folder, which it has none of."""
    kept = {name: value for name, value in os.environ.items() if _NO_SECRETS.fullmatch(name)}
    return {**kept, "HOME": "/nonexistent"}


# ---- redaction --------------------------------------------------------------------------------


class Masks:
    """The secrets that this process knows: each is masked wherever it stands, also in the forms
    that it has in URLs and in the header of HTTP's basic scheme."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Counter[str] = Counter()
        self._pattern: re.Pattern[str] | None = None
        self._long: re.Pattern[str] | None = None

    def add(self, *secrets: str) -> None:
        """Mask `secrets` from now on."""
        self._count(secrets, 1)

    def drop(self, *secrets: str) -> None:
        """Undo one `add` of `secrets`."""
        self._count(secrets, -1)

    def _count(self, secrets: Iterable[str], step: int) -> None:
        with self._lock:
            for secret in secrets:
                if len(secret) >= LEAST_TO_MASK:
                    self._known[secret] += step
            self._known = +self._known
            forms = {form for secret in self._known for form in _forms(secret)}
            longest_first = sorted(forms, key=len, reverse=True)
            self._pattern = _any_of(longest_first)
            long = [form for form in longest_first if len(form) >= LEAST_TO_REFUSE]
            self._long = _any_of(long, re.IGNORECASE)

    def shown_in(self, text: str) -> bool:
        """Whether `text` holds a known secret, in any form, also in letters of another case (the
        name of a host has none); short ones do not count."""
        pattern = self._long
        return pattern is not None and any(map(pattern.search, (text, unquote(text))))

    def hide(self, text: str) -> str:
        """`text` with every known secret replaced by ``***``."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(HIDDEN, text)


def _any_of(texts: list[str], flags: int = 0) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, texts)), flags) if texts else None


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield repr(secret)[1:-1]
    for before in range(3):  # where it begins within a group of three bytes of base64
        data = b"\0" * before + secret.encode("utf-8", "surrogatepass")
        whole = b64encode(data[: len(data) // 3 * 3]).decode("ascii")[4 if before else 0 :]
        if len(whole) >= 2 * LEAST_TO_MASK:
            yield whole


MASKS = Masks()
"""What this process knows."""

_USERINFO = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#\"'<>]*@")
_PARAMETER = re.compile(
    r"(?P<name>[?&;](?:x-(?:amz|goog|oss|cos|obs|ms)-[a-z0-9-]*|awsaccesskeyid|googleaccessid"
    r"|[a-z0-9_.-]*(?:signature|token|password|passwd|secret|apikey|api[_-]key|credential)"
    r"|sig|se|sp|sv|key|code|auth|authorization|jwt|pass|pwd|policy|key-pair-id)=)[^&;#\s\"'<>]*",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?P<name>\b(?:proxy-)?(?:authorization|cookie)\s*[:=]\s*"
    r"(?:(?:basic|bearer|token|digest)\s+)?)[^\s,;\"']+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with the secrets that this process knows, userinfo of URLs, signatures and tokens of
    query strings, and authorization headers replaced by ``***``."""
    text = MASKS.hide(text)
    text = _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _PARAMETER.sub(rf"\g<name>{HIDDEN}", text)
    return _HEADER.sub(rf"\g<name>{HIDDEN}", text)


def redact_all(value: Any) -> Any:
    """`value`, plain JSON, with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_all(one) for key, one in value.items()}
    if isinstance(value, list):
        return [redact_all(one) for one in value]
    return value


class RedactingFormatter(logging.Formatter):
    """Formats records, tracebacks too, without what is secret."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole text, redacted."""
        return redact(super().format(record))


def guard_stderr() -> None:
    """Let nothing secret reach standard error: neither by logging nor by an exception that
    nobody catches, in whatever thread."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)

    def tell(kind: Any, error: Any, trace: Any) -> None:
        sys.stderr.write(redact("".join(format_exception(kind, error, trace))))

    sys.excepthook = tell
    threading.excepthook = lambda failed: tell(
        failed.exc_type, failed.exc_value, failed.exc_traceback
    )
