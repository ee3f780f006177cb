"""Who may upload: the anonymous, the read-only, and another user."""

from __future__ import annotations

import os

import pytest
from jupyter_server.auth import Authorizer, IdentityProvider, User

from .tus_client import BODY, VERSION, metadata


class ByHeader(IdentityProvider):
    """Users by name, as a hub would give them; the server's token works too."""

    async def get_user(self, handler):
        name = handler.request.headers.get("X-User")
        return User(username=name) if name else await super()._get_user(handler)


class ReadOnly(Authorizer):
    """Lets everybody read and nobody write."""

    def is_authorized(self, handler, user, action, resource):
        return action == "read"


ANONYMOUS = {"Authorization": None}
SIZE = 64 << 20


def patch_headers(size: int) -> dict[str, str]:
    return {**VERSION, **BODY, "Upload-Offset": "0", "Content-Length": str(size)}


@pytest.fixture
def written(jp_root_dir, tmp_path):
    """Bytes below the root and in the state folder."""

    def count() -> int:
        return sum(
            os.path.getsize(os.path.join(folder, name))
            for top in (jp_root_dir, tmp_path / "state")
            for folder, _, names in os.walk(top)
            for name in names
        )

    return count


async def test_the_anonymous_store_no_byte(raw, tus, tree, written):
    id = await tus.create(SIZE, filename="a")
    before, paths = written(), tree()
    body = b"x" * SIZE
    answer = await raw.ask("PATCH", f"tus/{id}", {**patch_headers(SIZE), **ANONYMOUS}, body)
    assert answer.status == 403
    headers = {**patch_headers(SIZE), "Upload-Length": str(SIZE), **ANONYMOUS}
    answer = await raw.ask("POST", "tus/", headers, body)
    assert answer.status == 403
    assert written() == before
    assert tree() == paths
    assert await tus.offset(id) == 0


async def test_the_anonymous_learn_nothing(raw, tus):
    id = await tus.create(5, filename="a")
    for method in ("HEAD", "DELETE", "PATCH"):
        answers = [
            await raw.ask(method, f"tus/{some}", {**VERSION, **ANONYMOUS})
            for some in (id, "0" * 32)
        ]
        assert [answer.status for answer in answers] == [403, 403]
        assert answers[0].body == answers[1].body


async def test_a_cookie_alone_is_not_enough(raw, tus, jp_serverapp):
    """Cross-site requests carry the cookie and not the header of the XSRF token."""
    id = await tus.create(5, filename="a")
    answer = await raw.ask("GET", "jobs", {})
    cookies = "; ".join(
        value.partition(";")[0] for name, value in answer.headers.items() if name == "set-cookie"
    )
    assert cookies
    headers = {**patch_headers(5), **ANONYMOUS, "Cookie": cookies}
    answer = await raw.ask("PATCH", f"tus/{id}", headers, b"hello")
    assert answer.status == 403
    assert b"xsrf" in answer.body.lower()
    assert await tus.offset(id) == 0


class TestReadOnly:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ServerApp"]["authorizer_class"] = ReadOnly
        return jp_server_config

    async def test_no_verb_is_allowed(self, tus, raw, tree):
        assert (await tus.post(5, b"hello", filename="a")).code == 403
        for method in ("HEAD", "PATCH", "DELETE"):
            answer = await raw.ask(method, "tus/" + "0" * 32, {**VERSION, "Content-Length": "0"})
            assert answer.status == 403
        assert tree() == []


class TestTwoUsers:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ServerApp"]["identity_provider_class"] = ByHeader
        jp_server_config["ServerApp"]["disable_check_xsrf"] = True
        return jp_server_config

    async def test_anothers_upload_is_an_unknown_one(self, raw, tree):
        ada, bob = ({**ANONYMOUS, "X-User": name} for name in ("ada", "bob"))
        headers = {**VERSION, **ada, "Upload-Length": "5", "Content-Length": "0"}
        answer = await raw.ask("POST", "tus/", headers)
        assert answer.status == 201
        id = answer.headers["location"].rpartition("/")[2]
        unknown = "0" * 32
        for method, size in (("HEAD", 0), ("GET", 0), ("DELETE", 0), ("PATCH", 0), ("PATCH", 5)):
            headers = {**patch_headers(size), **bob}
            body = b"hello"[:size]
            foreign = await raw.ask(method, f"tus/{id}", headers, body)
            nothing = await raw.ask(method, f"tus/{unknown}", headers, body)
            assert foreign.status == nothing.status == 404
            assert foreign.body == nothing.body
            assert set(foreign.headers) == set(nothing.headers)
            assert "upload-offset" not in foreign.headers
        answer = await raw.ask("PATCH", f"tus/{id}", {**patch_headers(5), **ada}, b"hello")
        assert answer.status == 204
        foreign = await raw.ask("HEAD", f"tus/{id}", {**VERSION, **bob})
        assert foreign.status == 404
        assert "transfer-path" not in foreign.headers

    async def test_anothers_partial_uploads_are_unknown_ones(self, raw, tree):
        ada, bob = ({**VERSION, **ANONYMOUS, "X-User": name} for name in ("ada", "bob"))
        place = metadata(filename="a", assembly="0" * 32, start="0", size="5")
        partial = {**BODY, "Upload-Concat": "partial", "Upload-Length": "5", "Content-Length": "5"}
        addresses = []
        for extra in ({}, {"Upload-Metadata": place}):
            answer = await raw.ask("POST", "tus/", {**ada, **partial, **extra}, b"hello")
            assert answer.status == 201
            addresses.append(answer.headers["location"])
        for address in addresses:
            final = {"Upload-Concat": f"final;{address}", "Content-Length": "0"}
            for extra in ({}, {"Upload-Metadata": place}):
                foreign = await raw.ask("POST", "tus/", {**bob, **final, **extra})
                assert foreign.status == 404
        # The name of a file in segments is its owner's alone.
        extra = {"Upload-Metadata": place}
        answer = await raw.ask("POST", "tus/", {**bob, **partial, **extra}, b"HELLO")
        assert answer.status == 201
        final = {"Upload-Concat": f"final;{addresses[1]}", "Content-Length": "0", **extra}
        answer = await raw.ask("POST", "tus/", {**ada, **final})
        assert answer.status == 201
        assert "a" in tree()
