"""What FTP, FTPS and SFTP need of libcurl beyond what all protocols do, and what its errors mean.

There is no status and no head: what is known of a file is its size and the time of its last
change, which libcurl asks for before it moves a byte (``SIZE``, ``MDTM``; ``SSH_FXP_STAT``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pycurl

from ..errors import TransferError
from ..secrets import Login, ssh_keys
from .hostkeys import file_for, judge_by, nothing_in_common

if TYPE_CHECKING:
    from .transport import Exchange

FTP_SCHEMES = ("ftp", "ftps")
FILE_SCHEMES = (*FTP_SCHEMES, "sftp")

_NOCWD = 2  # CURLFTPMETHOD_NOCWD: paths count from where the login led, whoever had the connection
_FTP_CREATE_DIR_NONE = 0

_BY_PASSWORD = pycurl.SSH_AUTH_PASSWORD | pycurl.SSH_AUTH_KEYBOARD
_BY_KEY = pycurl.SSH_AUTH_PUBLICKEY | pycurl.SSH_AUTH_AGENT
"""Without a key to offer libcurl takes ``~/.ssh/id_rsa`` by itself."""


def set_up_file_protocol(handle: Any, exchange: Exchange) -> None:
    """Tell libcurl what the scheme of `exchange` needs."""
    login = exchange.login or Login()
    handle.setopt(pycurl.OPT_FILETIME, 1)
    handle.setopt(pycurl.HTTPPROXYTUNNEL, 1)  # a proxy passes bytes on, and speaks no FTP itself
    if login.username:
        handle.setopt(pycurl.USERNAME, login.username)
        handle.setopt(pycurl.PASSWORD, login.password)
    if exchange.method == "HEAD":
        handle.setopt(pycurl.NOBODY, 1)
    elif exchange.method == "NLST":
        handle.setopt(pycurl.DIRLISTONLY, 1)
    elif exchange.method not in ("GET", "PUT"):
        handle.setopt(pycurl.CUSTOMREQUEST, exchange.method)  # MLSD
    if exchange.commands and exchange.upload is None:
        handle.setopt(pycurl.QUOTE, encoded(exchange.commands))
    if exchange.url.scheme == "sftp":
        _set_up_ssh(handle, exchange, login)
    else:
        _set_up_ftp(handle, exchange, login)


def encoded(commands: Sequence[str]) -> list[bytes]:
    """Commands as bytes: names need not be UTF-8."""
    return [command.encode("utf-8", "surrogateescape") for command in commands]


def _set_up_ftp(handle: Any, exchange: Exchange, login: Login) -> None:
    if any(command.startswith("CWD ") for command in exchange.commands):
        # Paths of later requests on this connection would count from another folder.
        handle.setopt(pycurl.FRESH_CONNECT, 1)
        handle.setopt(pycurl.FORBID_REUSE, 1)
    handle.setopt(pycurl.FTP_FILEMETHOD, _NOCWD)
    handle.setopt(pycurl.FTP_CREATE_MISSING_DIRS, _FTP_CREATE_DIR_NONE)
    # A PASV answer names an address: the other side would choose whom we call.
    handle.setopt(pycurl.FTP_SKIP_PASV_IP, 1)
    handle.setopt(pycurl.USE_SSL, pycurl.USESSL_TRY if login.tls == "auto" else _TLS[login.tls])


_TLS = {"required": pycurl.USESSL_ALL, "off": pycurl.USESSL_NONE}


def _set_up_ssh(handle: Any, exchange: Exchange, login: Login) -> None:
    ways = _BY_PASSWORD | (_BY_KEY if login.ambient else 0)
    handle.setopt(pycurl.SSH_AUTH_TYPES, ways)
    private, public = ssh_keys(login)
    if private is not None:
        handle.setopt(pycurl.SSH_PRIVATE_KEYFILE, private)
        if public is not None:
            handle.setopt(pycurl.SSH_PUBLIC_KEYFILE, public)
        if login.passphrase:
            handle.setopt(pycurl.KEYPASSWD, login.passphrase)
    handle.setopt(pycurl.SSH_KNOWNHOSTS, file_for(exchange.url.host, exchange.url.port))
    handle.setopt(pycurl.SSH_KEYFUNCTION, judge_by(exchange, login))


def learn(handle: Any, exchange: Exchange) -> None:
    """Keep what libcurl found out about the file of an `exchange` that ended."""
    size = handle.getinfo_raw(pycurl.CONTENT_LENGTH_DOWNLOAD_T)
    exchange.size = size if size >= 0 else None
    moment = handle.getinfo_raw(pycurl.FILETIME_T)
    exchange.modified = moment if moment >= 0 else None


# ---- errors -----------------------------------------------------------------------------------

_NO_METHOD = "ssh session: -5,"
"""LIBSSH2_ERROR_KEX_FAILURE; a line that is cut off during the key exchange is -8 or -1."""

_WEIRD_REPLY = 8
_COULDNT_USE_REST = 31
_BAD_RESUME = (33, 36)  # a range error, or an offset behind the end of the file

_MEANINGS = {
    pycurl.E_LOGIN_DENIED: ("needs_credentials", "“{host}” wants to know who you are."),
    pycurl.E_REMOTE_ACCESS_DENIED: ("remote_forbidden", "“{host}” does not let you in there."),
    78: ("remote_not_found", "“{host}” has no such file."),  # E_REMOTE_FILE_NOT_FOUND
    19: ("remote_not_found", "“{host}” does not give this out."),  # E_FTP_COULDNT_RETR_FILE
    pycurl.E_REMOTE_DISK_FULL: ("remote_refused", "The disk of “{host}” is full."),
    pycurl.E_URL_MALFORMAT: ("invalid_address", "“{host}” cannot have a file of this name."),
    pycurl.E_SSH: ("remote_refused", "“{host}” refused: {text}."),
    pycurl.E_QUOTE_ERROR: ("remote_refused", "“{host}” refused: {text}."),
    pycurl.E_UPLOAD_FAILED: ("remote_forbidden", "“{host}” does not take this file: {text}."),
    _WEIRD_REPLY: ("remote_lied", "“{host}” sent an answer that is neither FTP nor SSH."),
    64: ("tls_failed", "“{host}” offers no encryption."),  # E_USE_SSL_FAILED
    _COULDNT_USE_REST: ("remote_refused", "“{host}” cannot go on in the middle of a file."),
    **dict.fromkeys(_BAD_RESUME, ("remote_changed", "The file at “{host}” became shorter.")),
}


def error_of_file(exchange: Exchange, code: int, text: str) -> TransferError | None:
    """libcurl's error `code` where FTP and SFTP mean something of their own by it."""
    if code == pycurl.E_FAILED_INIT and _NO_METHOD in text:
        return nothing_in_common(exchange)
    if code == pycurl.E_SSH and "Operation failed" not in text:
        return None  # else it is the server's own word, SSH_FX_FAILURE
    if code not in _MEANINGS:
        return None
    name, sentence = _MEANINGS[code]
    return TransferError(name, sentence.format(host=exchange.url.host, text=text.rstrip(".")))


def cannot_resume(code: int) -> bool:
    """Whether `code` says that the server knows no offsets."""
    return code == _COULDNT_USE_REST
