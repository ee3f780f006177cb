"""Which libcurl this is."""

from __future__ import annotations

import pycurl


def libcurl() -> tuple[str, frozenset[str]]:
    """Its version with that of its TLS library, and the schemes that it speaks."""
    info = pycurl.version_info()
    return f"{info[1]} ({info[5]})", frozenset(info[8])
