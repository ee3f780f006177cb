"""Whom to trust: the certificate authorities of the system and those the administrator adds."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ..errors import TransferError

_SYSTEM_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # BSD, macOS, Alpine
)


def ca_file_of_environment() -> str | None:
    """The bundle that the environment names, as other tools read it."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


@lru_cache(maxsize=4)
def authorities(extra: str | None) -> tuple[str | None, bytes | None]:
    """Whom to trust: the path of one bundle, or the bytes of the system's with `extra` added.

    A path is preferred: libcurl parses it once and shares it between connections.
    Raises ``tls_failed`` when `extra` cannot be read.
    """
    system = next((path for path in _SYSTEM_AUTHORITIES if Path(path).is_file()), None)
    if system is None:
        with suppress(ImportError):
            import certifi  # noqa: PLC0415

            system = certifi.where()
    if not extra or (system and Path(extra).resolve() == Path(system).resolve()):
        return system, None
    try:
        data = Path(extra).read_bytes()
    except OSError:
        raise TransferError(
            "tls_failed",
            "The file of certificate authorities (`ca_file`) cannot be read.",
            "Correct `ca_file`, or the variables SSL_CERT_FILE and REQUESTS_CA_BUNDLE.",
        ) from None
    return None, (Path(system).read_bytes() + b"\n" if system else b"") + data
