"""Cookies as clients that use requests keep them on a disk: a pickled `RequestsCookieJar`.

A pickle may call anything when it is read. This one is read with classes that can do nothing, and
one that names any other is not read at all.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any


class _Inert:
    """Keeps what the pickle says of an object, and does nothing."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


_KNOWN = {
    ("requests.cookies", "RequestsCookieJar"),
    ("http.cookiejar", "CookieJar"),
    ("http.cookiejar", "Cookie"),
    ("http.cookiejar", "DefaultCookiePolicy"),
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a jar of cookies")
        return _Inert


LIFETIME = 30 * 24 * 3600
"""Seconds that a login lasts, as the official client has it."""


def jar_with(name: str, value: str, host: str) -> bytes:
    """A jar with this one cookie, as modelscope-hub pickles it (`HubConfig.save_token`)."""
    from requests.cookies import RequestsCookieJar  # noqa: PLC0415 - slow to load

    jar = RequestsCookieJar()
    jar.set(name, value, domain=host, path="/", expires=int(time.time()) + LIFETIME, discard=False)
    return pickle.dumps(jar)


def cookies_in(data: bytes, name: str, host: str) -> list[str]:
    """The values of the cookies called `name` in the jar `data` that are for `host` and have not
    expired. A jar that is malformed holds none."""
    try:
        jar = _Reader(BytesIO(data)).load()
        return [
            str(cookie.value)
            for cookie in _all(vars(jar).get("_cookies"))
            if cookie.name == name and cookie.value and _is_for(cookie, host)
        ]
    except Exception:  # whatever the bytes of a broken pickle lead to
        return []


def _all(domains: Any) -> Iterator[Any]:
    for paths in domains.values():
        for cookies in paths.values():
            yield from cookies.values()


def _is_for(cookie: Any, host: str) -> bool:
    if cookie.expires is not None and cookie.expires <= time.time():
        return False
    return _bare(cookie.domain) == _bare(host)


def _bare(domain: str) -> str:
    return domain.lower().lstrip(".").removeprefix("www.")
