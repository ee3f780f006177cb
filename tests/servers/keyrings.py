"""A keyring that keeps its passwords in the JSON file that CANARY_KEYRING names."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class FileKeyring(KeyringBackend):
    """For tests: ``{"service/user": "password"}``."""

    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        known = json.loads(Path(os.environ["CANARY_KEYRING"]).read_text())
        return known.get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        path = Path(os.environ["CANARY_KEYRING"])
        known = json.loads(path.read_text())
        path.write_text(json.dumps({**known, f"{service}/{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError
