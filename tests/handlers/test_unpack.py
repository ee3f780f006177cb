"""Uploads of archives that are extracted when they are whole."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from ..archives.making import archive
from ..conftest import error_of

DATA = archive("tar.gz", {"a": b"alpha", "sub/b": b"beta"})


async def test_an_archive_is_extracted_when_it_is_whole(tus, jp_root_dir, reaches, ask):
    """By a job with the id of the upload, and once, however often one asks."""
    id = await tus.create(len(DATA), filename="in/x.tar.gz", unpack="tar.gz")
    assert (await ask("jobs", id)).code == 404
    assert (await tus.patch(id, 0, DATA[:50])).code == 204
    assert (await ask("jobs", id)).code == 404
    assert (await tus.patch(id, 50, DATA[50:])).code == 204
    job = await reaches({"id": id}, "done", "failed")
    assert (job["kind"], job["state"], job["destination"]) == ("extract", "done", "in/x")
    folder = Path(jp_root_dir) / "in"
    assert (folder / "x/sub/b").read_bytes() == b"beta"
    assert (folder / "x.tar.gz").read_bytes() == DATA
    for _ in range(2):
        assert (await tus.head(id)).code == 200
    jobs = json.loads((await ask("jobs")).body)["jobs"]
    assert [one["id"] for one in jobs] == [id]
    assert (await reaches({"id": id}, "done"))["revision"] == job["revision"]


async def test_a_job_that_a_crash_prevented_is_made_up_for(tus, transfer_app, reaches, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(transfer_app._uploads, "_on_archive", None)
        response = await tus.post(len(DATA), DATA, filename="x.tar.gz", unpack="tar")
        assert response.code == 201
        id = response.headers["Location"].rpartition("/")[2]
    assert (await tus.head(id)).headers["Transfer-Path"] == "x.tar.gz"
    assert (await reaches({"id": id}, "done", "failed"))["state"] == "done"


async def test_one_of_segments(tus, jp_root_dir, reaches):
    parts = [DATA[:70], DATA[70:]]
    ids = []
    for part in parts:
        response = await tus.post(len(part), part, headers={"Upload-Concat": "partial"})
        ids.append(response.headers["Location"])
    response = await tus.post(
        None,
        headers={"Upload-Concat": "final;" + " ".join(ids)},
        filename="y.tar.gz",
        unpack="tar.gz",
    )
    assert response.code == 201, response.body
    id = response.headers["Location"].rpartition("/")[2]
    assert (await reaches({"id": id}, "done", "failed"))["state"] == "done"
    assert (Path(jp_root_dir) / "y/a").read_bytes() == b"alpha"


async def test_by_the_other_protocol(ask, jp_root_dir, reaches):
    pairs = {"filename": "z.tar.gz", "unpack": "tar"}
    header = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())
    headers = {"Upload-Complete": "?1", "Upload-Metadata": header}
    response = await ask("resumable/", method="POST", headers=headers, body=DATA)
    assert response.code in (200, 201), response.body
    id = response.headers["Location"].rpartition("/")[2]
    assert (await reaches({"id": id}, "done", "failed"))["state"] == "done"
    assert (Path(jp_root_dir) / "z/a").read_bytes() == b"alpha"


async def test_what_it_may_say(tus, tree):
    for pairs in ({"unpack": "rar"}, {"unpack": ""}, {"unpack": "zip", "pack": "tar"}):
        response = await tus.post(1, filename="a", **pairs)
        assert error_of(response)["code"] == "bad_request", pairs
    assert tree() == []


async def test_who_may(tus, transfer_app, monkeypatch):
    """An extraction is a job, and needs what a job needs."""

    def is_authorized(self, handler, user, action, resource):
        return resource == "contents"

    authorizer = type(transfer_app.serverapp.authorizer)
    monkeypatch.setattr(authorizer, "is_authorized", is_authorized)
    response = await tus.post(len(DATA), DATA, filename="x.tar.gz", unpack="tar")
    assert error_of(response)["code"] == "forbidden"
    assert (await tus.post(len(DATA), DATA, filename="x.tar.gz")).code == 201
