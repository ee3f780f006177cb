"""The backends' tests run jobs as the engine's tests do."""

from __future__ import annotations

from ..engine.conftest import (  # noqa: F401 - fixtures
    certificate,
    chaos,
    harness,
    nginx,
    quick,
)
from .gitsite import git_server, one_git_server, repository  # noqa: F401 - fixtures
