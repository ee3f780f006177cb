"""Who may do what: every address and verb against one table.

A route that is added without a row here fails the first test.
"""

from __future__ import annotations

import json
import re

import pytest
from jupyter_server.auth import Authorizer

from jupyter_transfer.handlers import routes

from ..conftest import error_of

ID = "0" * 32
READ, WRITE = ("read", "transfers"), ("write", "transfers")
GET_FILES, PUT_FILES = ("read", "contents"), ("write", "contents")

# Pattern -> an address that it matches, and what each verb needs.
TABLE = {
    r"jupyter-transfer/jobs/?": ("jobs", {"GET": [READ], "POST": [WRITE]}),
    r"jupyter-transfer/jobs/apply/?": ("jobs/apply", {"POST": [WRITE]}),
    r"jupyter-transfer/jobs/(?P<id>[0-9a-f]{32})": (
        f"jobs/{ID}",
        {"GET": [READ], "PATCH": [WRITE], "DELETE": [WRITE]},
    ),
    r"jupyter-transfer/jobs/(?P<id>[0-9a-f]{32})/files": (f"jobs/{ID}/files", {"GET": [READ]}),
    r"jupyter-transfer/jobs/(?P<id>[0-9a-f]{32})/report": (f"jobs/{ID}/report", {"GET": [READ]}),
    r"jupyter-transfer/jobs/(?P<id>[0-9a-f]{32})/datacube": (
        f"jobs/{ID}/datacube",
        {"GET": [READ]},
    ),
    r"jupyter-transfer/leftovers/?": ("leftovers", {"GET": [READ, GET_FILES]}),
    r"jupyter-transfer/leftovers/(?P<id>[A-Za-z0-9_-]+)": (
        "leftovers/AAAA",
        {"DELETE": [WRITE, PUT_FILES]},
    ),
    r"jupyter-transfer/clone/?": ("clone", {"GET": [READ, GET_FILES]}),
    r"jupyter-transfer/probe/?": ("probe", {"POST": [WRITE]}),
    r"jupyter-transfer/browse/?": ("browse", {"POST": [WRITE]}),
    r"jupyter-transfer/login/?": ("login", {"POST": [WRITE]}),
    r"jupyter-transfer/backends/?": ("backends", {"GET": [READ]}),
    r"jupyter-transfer/backends/([a-z0-9_-]+)/forms/?": ("backends/http/forms", {"GET": [READ]}),
    r"jupyter-transfer/room/?": ("room", {"GET": [PUT_FILES]}),
    r"jupyter-transfer/tus/?": ("tus/", {"POST": [PUT_FILES]}),
    r"jupyter-transfer/tus/([^/]+)/?": (
        f"tus/{ID}",
        {
            "GET": [PUT_FILES],
            "HEAD": [PUT_FILES],
            "PATCH": [PUT_FILES],
            "POST": [PUT_FILES],
            "DELETE": [PUT_FILES],
        },
    ),
    r"jupyter-transfer/tus/([^/]+)/files/?": (f"tus/{ID}/files", {"GET": [PUT_FILES]}),
    r"jupyter-transfer/resumable/?": ("resumable/", {"POST": [PUT_FILES]}),
    r"jupyter-transfer/resumable/([^/]+)/?": (
        f"resumable/{ID}",
        {"HEAD": [PUT_FILES], "PATCH": [PUT_FILES], "DELETE": [PUT_FILES]},
    ),
    r"jupyter-transfer/download/(.*)": (
        "download/x.txt",
        {"GET": [GET_FILES], "HEAD": [GET_FILES]},
    ),
    r"jupyter-transfer/archive": (
        "archive?path=x.txt",
        {"GET": [GET_FILES], "HEAD": [GET_FILES], "POST": [GET_FILES]},
    ),
    r"jupyter-transfer(?:/.*)?": ("nothing/here", {}),
}
SOON = "2999-01-01T00:00:00Z"
VERBS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")
CASES = [(address, verb, needs.get(verb)) for address, needs in TABLE.values() for verb in VERBS]


def test_every_route_has_a_row():
    assert {pattern for pattern, *_ in routes()} == set(TABLE)
    for pattern, (address, _) in TABLE.items():
        assert re.fullmatch(pattern, "jupyter-transfer/" + address.split("?")[0])


class Recorder(Authorizer):
    """Says no to what is in `refused` and remembers what it was asked."""

    asked: list = []  # noqa: RUF012
    refused: set = set()  # noqa: RUF012

    def is_authorized(self, handler, user, action, resource):
        self.asked.append((action, resource))
        return (action, resource) not in self.refused


@pytest.fixture
def jp_server_config(jp_server_config):
    Recorder.asked, Recorder.refused = [], set()
    jp_server_config["ServerApp"]["authorizer_class"] = Recorder
    return jp_server_config


def headers_for(address: str, verb: str) -> dict[str, str]:
    if not address.startswith("tus"):
        return {}
    override = {"X-HTTP-Method-Override": "PATCH"} if verb == "POST" and ID in address else {}
    return {"Tus-Resumable": "1.0.0", **override}


async def call(ask, address: str, verb: str, **options):
    path, _, query = address.partition("?")
    params = dict(pair.split("=") for pair in query.split("&")) if query else {}
    return await ask(
        path,
        method=verb,
        params=params,
        headers={**headers_for(address, verb), **options.pop("headers", {})},
        allow_nonstandard_methods=True,
        **options,
    )


@pytest.mark.parametrize(("address", "verb", "needs"), CASES)
async def test_what_the_authorizer_is_asked(ask, jp_root_dir, address, verb, needs):
    (jp_root_dir / "x.txt").write_text("x")
    response = await call(ask, address, verb)
    if needs is None:
        assert response.code in (404, 405)
        assert [asked for asked in Recorder.asked if asked[1] in ("transfers", "contents")] == []
    else:
        assert response.code not in (403, 405, 500)
        assert Recorder.asked[: len(needs)] == needs


@pytest.mark.parametrize(
    ("address", "verb", "needs"), [case for case in CASES if case[2] is not None]
)
async def test_each_permission_is_needed(ask, jp_root_dir, address, verb, needs):
    (jp_root_dir / "x.txt").write_text("x")
    for permission in needs:
        Recorder.refused = {permission}
        response = await call(ask, address, verb)
        assert response.code == 403
        if verb != "HEAD":
            assert error_of(response)["code"] == "forbidden"


@pytest.mark.parametrize(("address", "verb", "needs"), CASES)
async def test_the_anonymous_get_nothing(ask, address, verb, needs):
    response = await call(ask, address, verb, headers={"Authorization": ""}, follow_redirects=False)
    assert response.code in (403, 404, 405)
    assert Recorder.asked == []
    if verb != "HEAD":
        error_of(response)


async def test_the_order_of_calls_does_not_matter(ask):
    """jupyter_server's decorator without arguments keeps what the first call needed."""
    for _ in range(2):
        for verb in ("GET", "DELETE", "PATCH"):
            Recorder.asked = []
            await call(ask, f"jobs/{ID}", verb)
            assert Recorder.asked == TABLE[r"jupyter-transfer/jobs/(?P<id>[0-9a-f]{32})"][1][verb]


REFERENCES = ["env:HOME", "file:~/secret", "keyring:service/me"]


@pytest.mark.parametrize("reference", REFERENCES)
async def test_who_may_not_run_code_cannot_send_the_secrets_of_this_server(ask, reference):
    """A reference makes the server read a secret of its owner and hand it to any host."""
    Recorder.refused = {("execute", "kernels")}
    source = "https://guest.example/x"
    for options in ({"password": reference}, {"headers": reference}):
        body = {"source": source, "destination": "", "options": options}
        for address, asked in (("jobs", body), ("probe", {"url": source, "options": options})):
            response = await ask(address, method="POST", json=asked)
            assert (response.code, error_of(response)["code"]) == (403, "forbidden")
        response = await ask("browse", method="POST", json={"url": source, "options": options})
        assert response.code == 403
    assert json.loads((await ask("jobs")).body)["total"] == 0


@pytest.mark.parametrize("reference", REFERENCES)
async def test_nor_enter_them_later(ask, reference):
    body = {"source": "https://guest.invalid/x", "destination": "", "options": {"start_at": SOON}}
    job = json.loads((await ask("jobs", method="POST", json=body)).body)
    Recorder.refused = {("execute", "kernels")}
    entered = {"action": "resume", "options": {"password": reference}}
    response = await ask("jobs", job["id"], method="PATCH", json=entered)
    assert response.code == 403
    assert reference not in (await ask("jobs", job["id"])).body.decode()
    entered["options"] = {"password": "own"}
    response = await ask("jobs", job["id"], method="PATCH", json=entered)
    assert response.code != 403
