"""Services behind rclone whose listings name what lies elsewhere, or cannot be a name here."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from jupyter_transfer.engine import groups

from ..servers.chaos import Connection, Resource
from ..servers.rclone import rclone

GOOD = b"good"


def webdav(chaos, *names: str) -> dict[str, str]:
    """A WebDAV server whose folder ``/d/`` lists `names`; the options of a remote for it."""
    rclone()
    entry = (
        "<d:response><d:href>{href}</d:href><d:propstat><d:prop>{kind}"
        "<d:getcontentlength>4</d:getcontentlength>"
        "<d:getlastmodified>Mon, 01 Jan 2024 00:00:00 GMT</d:getlastmodified></d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )

    def answer(found: list[str]) -> Callable[[Connection], None]:
        body = f'<d:multistatus xmlns:d="DAV:">{"".join(found)}</d:multistatus>'.encode()

        def act(connection: Connection) -> None:
            connection.take()
            if connection.request.method == "PROPFIND":
                kind = {"Content-Type": "application/xml", "Content-Length": str(len(body))}
                connection.head(207, kind)
                connection.body(body)
            else:
                Resource(GOOD)(connection)

        return act

    folder = "<d:resourcetype><d:collection/></d:resourcetype>"
    top = entry.format(href="/d/", kind=folder)
    items = [entry.format(href=f"/d/{name}", kind="<d:resourcetype/>") for name in names]
    chaos.add("/d", answer([top, *items]))
    chaos.add("/d/", answer([top, *items]))
    chaos.add("/", answer([entry.format(href="/", kind=folder), top]))
    for name, item in zip(names, items, strict=True):
        chaos.add(f"/d/{name}", answer([item]))
    options = json.dumps({"url": chaos.url, "vendor": "other"})
    return {"remote_type": "webdav", "remote_options": options}


def test_hostile_names_lead_nowhere(harness, chaos, tmp_path):
    hostile = ["../up.bin", "..%2f..%2fup.bin", "%2e%2e/up.bin", "a/../../up.bin", "..", "x%00y"]
    hostile += ["%5c..%5cup.bin", "n" * 300, "/etc/passwd", ".hidden", "line%0abreak"]
    options = webdav(chaos, *hostile, "good.bin")
    harness.run("rclone://mine/d", "in", **options)
    assert (harness.folder / "in" / "good.bin").read_bytes() == GOOD
    assert harness.names() == ["in/good.bin"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "state") == ["root"]
    done = [row["path"] for row in harness.report.files if row["state"] == "done"]
    assert done == ["in/good.bin"]


@pytest.mark.parametrize(("one", "other"), [("Data.csv", "data.csv"), ("\u00e4", "a\u0308")])
def test_twins_are_told(harness, chaos, monkeypatch, one, other):
    monkeypatch.setattr(groups.StagedFiles, "folding", lambda self: (True, True))
    outcome = harness.run("rclone://mine/d", "in", **webdav(chaos, quote(one), quote(other)))
    assert outcome.state == "failed"
    assert len(harness.names()) == 1
    assert [row["error"]["detail"]["twin"] for row in harness.report.files if row["error"]] == [
        True
    ]
