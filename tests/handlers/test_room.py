"""GET room: what a folder takes, before the first byte."""

from __future__ import annotations

import json
from dataclasses import replace

from ..conftest import error_of


async def test_what_a_folder_takes(ask, tus, transfer_app):
    response = await ask("room", params={"path": "not/yet/there"})
    assert response.code == 200
    assert response.headers["Cache-Control"] == "no-store"
    before = json.loads(response.body)
    assert set(before) == {"free_bytes", "reserved_bytes", "max_upload_size"}
    assert before["free_bytes"] > 0
    assert (before["reserved_bytes"], before["max_upload_size"]) == (0, None)
    await tus.create(1 << 20, filename="a")
    transfer_app.uploads.settings = replace(transfer_app.uploads.settings, max_size=5 << 20)
    after = json.loads((await ask("room")).body)
    assert (after["reserved_bytes"], after["max_upload_size"]) == (1 << 20, 5 << 20)


async def test_what_is_no_folder_for_uploads(ask, transfer_app, jp_root_dir):
    (jp_root_dir / "file").write_text("x")
    for path, code in {
        "../x": "invalid_path",
        "/etc": "invalid_path",
        ".hidden": "hidden_path",
        "file/below": "not_a_directory",
    }.items():
        response = await ask("room", params={"path": path})
        assert error_of(response)["code"] == code
    transfer_app.uploads_enabled = False
    response = await ask("room")
    assert (response.code, error_of(response)["code"]) == (403, "disabled")
