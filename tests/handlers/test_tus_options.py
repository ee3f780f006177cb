"""OPTIONS: what the server says that it can do."""

from __future__ import annotations

import pytest


async def test_it_advertises_only_what_exists(tus):
    response = await tus.options()
    assert response.code == 200
    assert response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert response.headers["Tus-Extension"] == (
        "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,"
        "concatenation"
    )
    assert "Tus-Max-Size" not in response.headers
    assert response.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert response.body == b""


async def test_it_ignores_the_version_of_the_request(tus):
    response = await tus.options(Tus_Resumable="0.2.2")
    assert response.code == 200


async def test_an_upload_answers_too(tus):
    response = await tus.options("0" * 32)
    assert response.code == 200
    assert response.headers["Tus-Version"] == "1.0.0"


async def test_the_limit_is_stated(tus, transfer_app):
    transfer_app.max_upload_size = 12345
    assert (await tus.options()).headers["Tus-Max-Size"] == "12345"


async def test_a_preflight_of_another_origin(jp_serverapp, tus):
    jp_serverapp.web_app.settings["allow_origin"] = "https://hub.example"
    response = await tus.options(
        Authorization="",
        Origin="https://hub.example",
        Access_Control_Request_Method="PATCH",
        Access_Control_Request_Headers="tus-resumable,upload-offset",
    )
    assert response.code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://hub.example"
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert "upload-offset" in response.headers["Access-Control-Allow-Headers"]
    assert "Upload-Offset" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    ("method", "address"), [("GET", "tus"), ("PUT", "tus"), ("PUT", "tus/" + "0" * 32)]
)
async def test_other_verbs(ask, method, address):
    response = await ask(address, method=method)
    assert response.code == 405
    assert response.headers["Tus-Resumable"] == "1.0.0"
