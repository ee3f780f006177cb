"""``backends/{name}/forms``: what a worker knows of kinds of remotes."""

from __future__ import annotations

import json

from ..conftest import error_of
from ..servers.rclone import rclone


async def test_the_forms_of_rclone(ask):
    rclone()
    response = await ask("backends", "rclone", "forms")
    assert response.code == 200
    forms = json.loads(response.body)["forms"]
    assert "webdav" in {form["type"] for form in forms}
    assert set(forms[0]) == {"type", "title", "options"}


async def test_a_backend_without_forms_and_one_that_is_not_there(ask):
    response = await ask("backends", "http", "forms")
    assert json.loads(response.body) == {"forms": []}
    response = await ask("backends", "nonsense", "forms")
    assert response.code == 404
    assert error_of(response)["code"] == "not_found"
