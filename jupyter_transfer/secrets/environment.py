"""Environments of child processes, without the server's own secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable


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
