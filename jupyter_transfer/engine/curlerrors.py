"""What libcurl's error codes mean to a person."""

from __future__ import annotations

import pycurl

from ..errors import TransferError

_WEIRD_SERVER_REPLY = 8
_TOO_LARGE = 100  # endless headers

_CUT_OFF = ("connection_lost", "The connection to “{host}” was cut off.")
_NOT_HTTP = ("remote_lied", "The host “{host}” sent an answer that is not HTTP.")
_UNTRUSTED = ("tls_failed", "The encrypted connection to “{host}” cannot be trusted: {text}.")
_UNRESOLVED = ("dns_failed", "The name of the host “{host}” cannot be resolved.")

_MEANINGS = {
    pycurl.E_COULDNT_RESOLVE_HOST: _UNRESOLVED,
    pycurl.E_COULDNT_RESOLVE_PROXY: _UNRESOLVED,
    pycurl.E_COULDNT_CONNECT: (
        "connect_failed",
        "The host “{host}” does not accept connections.",
    ),
    pycurl.E_OPERATION_TIMEDOUT: ("timeout", "The host “{host}” does not answer any more."),
    pycurl.E_SSL_CONNECT_ERROR: _UNTRUSTED,
    pycurl.E_PEER_FAILED_VERIFICATION: _UNTRUSTED,
    pycurl.E_SSL_CERTPROBLEM: _UNTRUSTED,
    pycurl.E_SSL_CIPHER: _UNTRUSTED,
    pycurl.E_SSL_CACERT_BADFILE: _UNTRUSTED,
    pycurl.E_SSL_ISSUER_ERROR: _UNTRUSTED,
    pycurl.E_SSL_INVALIDCERTSTATUS: _UNTRUSTED,
    pycurl.E_UNSUPPORTED_PROTOCOL: _NOT_HTTP,  # an answer without a status line
    pycurl.E_BAD_CONTENT_ENCODING: _NOT_HTTP,
    _WEIRD_SERVER_REPLY: _NOT_HTTP,
    _TOO_LARGE: _NOT_HTTP,
}


def error_of(code: int, text: str, host: str) -> TransferError:
    """libcurl's error `code`, with its explanation `text`, about `host`."""
    if "CONNECT" in text:
        return TransferError(
            "connect_failed",
            f"The proxy does not connect to “{host}”: {text}.",
            "Check the proxy that the environment names (https_proxy, no_proxy).",
        )
    meaning = _MEANINGS.get(code, _CUT_OFF)
    if code == pycurl.E_SSL_CONNECT_ERROR and ("reset" in text or "eof" in text.lower()):
        meaning = _CUT_OFF  # in the middle of the handshake: nothing was wrong with it
    name, sentence = meaning
    return TransferError(name, sentence.format(host=host, text=text.rstrip(".")))
