"""``archive``: a selection as one file."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
import zipfile
from urllib.parse import quote, urlencode

import pytest
from tornado.httputil import format_timestamp

from jupyter_transfer.archives import manifest, zip_layout, zip_reader
from jupyter_transfer.handlers.base import TransferHandler

from ..conftest import error_of, until
from .browser import Browser

MIB = 1 << 20


@pytest.fixture
def browser(jp_serverapp, jp_fetch) -> Browser:
    """A browser at the running server (which listens only where `jp_fetch` is)."""
    return Browser(jp_serverapp)


@pytest.fixture
def project(jp_root_dir) -> dict[str, bytes]:
    """A small tree: names in the archive and contents; None stands for a folder."""
    tree = {
        "project/": None,
        "project/a.txt": b"alpha",
        "project/empty/": None,
        "project/src/": None,
        "project/src/data.bin": os.urandom(2 * MIB + 5),
        "project/src/数据 ☕.csv": b"1,2\n",
    }
    for name, content in tree.items():
        path = jp_root_dir / name
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)
    for name in reversed(tree):  # a folder after what was put into it
        os.utime(jp_root_dir / name, (1_700_000_000, 1_700_000_000))
    return tree


@pytest.fixture
def job_of(ask):
    """The job with an id."""

    async def get(id: str) -> dict:
        return json.loads((await ask("jobs", id)).body)

    return get


def contents(data: bytes) -> dict[str, bytes | None]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {
            info.filename: None if info.is_dir() else archive.read(info)
            for info in archive.infolist()
        }


async def kept(ask, *paths: str, **fields) -> dict:
    """What POST answers for a selection."""
    response = await ask("archive", method="POST", json={"paths": list(paths), **fields})
    assert response.code == 201, response.body
    return json.loads(response.body)


def below_base(url: str, base: str) -> str:
    """`url` as the browser helper wants it."""
    assert url.startswith(base)
    return url[len(base) :]


# ---- GET archive?path= ---------------------------------------------------------------------------


async def test_get_by_path(ask, project):
    response = await ask("archive", params={"path": "project"})
    assert response.code == 200
    assert contents(response.body) == project
    headers = response.headers
    assert headers["Content-Length"] == str(len(response.body))
    assert 'filename="project.zip"' in headers["Content-Disposition"]
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "Transfer-Encoding" not in headers


async def test_head_and_the_same_selection_again(ask, project):
    first = await ask("archive", params={"path": "project"})
    for method in ("HEAD", "GET"):
        again = await ask("archive", method=method, params={"path": "project"})
        for name in ("Content-Length", "Etag"):
            assert again.headers[name] == first.headers[name]
    assert again.body == first.body
    unchanged = {"If-None-Match": first.headers["Etag"]}
    again = await ask("archive", params={"path": "project"}, headers=unchanged)
    assert (again.code, again.body) == (304, b"")


async def test_several_paths_and_a_name(browser, project):
    query = urlencode(
        [
            ("path", "project/a.txt"),
            ("path", "project/src"),
            ("name", "my files"),
            ("format", "zip"),
        ]
    )
    response = await browser.get(f"jupyter-transfer/archive?{query}")
    assert "filename*=UTF-8''my%20files.zip" in response.headers["Content-Disposition"]
    names = list(contents(await response.rest()))
    assert names == ["a.txt", "src/", "src/data.bin", "src/数据 ☕.csv"]


async def test_a_browser_resumes(ask, project, monkeypatch):
    monkeypatch.setattr(zip_layout, "CRC_AHEAD", MIB)
    whole = await ask("archive", params={"path": "project"})
    size = len(whole.body)
    for start in (0, 1, 100, MIB, size - 500, size - 1):
        resume = {"Range": f"bytes={start}-", "If-Range": whole.headers["Etag"]}
        response = await ask("archive", params={"path": "project"}, headers=resume)
        assert response.code == 206
        assert response.headers["Content-Range"] == f"bytes {start}-{size - 1}/{size}"
        assert response.body == whole.body[start:]


async def test_never_two_versions_spliced(ask, project, jp_root_dir):
    first = await ask("archive", params={"path": "project"})
    # No date: a member that goes leaves the latest of all times as it was.
    assert "Last-Modified" not in first.headers
    (jp_root_dir / "project" / "a.txt").write_text("other")
    os.utime(jp_root_dir / "project" / "a.txt", (1_700_000_000, 1_700_000_000))
    for version in (first.headers["Etag"], format_timestamp(1_700_000_000)):
        resume = {"Range": "bytes=100-", "If-Range": version}
        response = await ask("archive", params={"path": "project"}, headers=resume)
        assert response.code == 200
        assert contents(response.body)["project/a.txt"] == b"other"


async def test_hidden_and_foreign_files_stay_out(ask, project, jp_root_dir):
    (jp_root_dir.parent / "secret").write_text("secret")
    (jp_root_dir / "project" / ".env").write_text("token")
    (jp_root_dir / "project" / ".jupyter-transfer").mkdir()
    (jp_root_dir / "project" / ".jupyter-transfer" / "x.part").touch()
    os.symlink("../../secret", jp_root_dir / "project" / "out")
    os.symlink(jp_root_dir.parent, jp_root_dir / "project" / "outside")
    os.mkfifo(jp_root_dir / "project" / "fifo")
    response = await ask("archive", params={"path": "project"})
    assert contents(response.body) == project


async def test_weapons_are_blunt(ask, jp_root_dir):
    """Names that are harmless here and a traversal or an injection where they are unpacked."""
    folder = jp_root_dir / "loot"
    folder.mkdir()
    for name in ["x\\..\\..\\evil.exe", "C:\\x", "a\\b", "a_b", "line\nbreak", "x\x1b[31m", "NUL"]:
        (folder / name).write_text("x")
    os.close(os.open(os.fsencode(folder) + b"/latin-\xe9", os.O_CREAT | os.O_WRONLY))
    names = list(contents((await ask("archive", params={"path": "loot"})).body))
    assert len(set(names)) == 9
    for name in names:
        assert ".." not in name.split("/")
        assert not set(name) & set("\\:\n\x1b")
    assert "loot/NUL_" in names


async def test_a_name_with_odd_bytes_can_be_selected(browser, jp_root_dir):
    for name in ["a\x01b", " spaces ", "latin-\udce9", "plus+and&and=%"]:
        os.close(os.open(os.fsencode(jp_root_dir / name), os.O_CREAT | os.O_WRONLY))
        selected = quote(os.fsencode(name), safe="")
        response = await browser.get(f"jupyter-transfer/archive?path={selected}")
        assert response.status == 200, name
        assert len(contents(await response.rest())) == 1


BAD = [
    ([("path", "../outside")], 400, "invalid_path"),
    ([("path", "/etc")], 400, "invalid_path"),
    ([("path", "a\0b")], 400, "invalid_path"),
    ([("path", "x" * 256)], 400, "invalid_path"),
    ([("path", ".ssh")], 403, "hidden_path"),
    ([("path", "project/.jupyter-transfer")], 403, "hidden_path"),
    ([("path", "nowhere")], 404, "not_found"),
    ([("path", "project"), ("path", "nowhere")], 404, "not_found"),
    ([("path", "link-out")], 400, "invalid_path"),
    ([("path", "fifo")], 400, "not_a_file"),
    ([("path", "project"), ("format", "tar.gz")], 400, "bad_request"),
    ([("path", "project"), ("format", "")], 400, "bad_request"),
    ([], 400, "bad_request"),
    ([("id", "0" * 32)], 404, "not_found"),
    ([("id", "")], 404, "not_found"),
]


async def test_bad_input(browser, project, jp_root_dir):
    os.symlink(jp_root_dir.parent, jp_root_dir / "link-out")
    os.mkfifo(jp_root_dir / "fifo")
    for query, status, code in BAD:
        response = await browser.get(f"jupyter-transfer/archive?{urlencode(query)}")
        error = json.loads(await response.rest())["error"]
        assert (response.status, error["code"]) == (status, code), query[:2]
        assert error["remedy"]
        assert str(jp_root_dir.parent) not in error["message"]
    response = await browser.get("jupyter-transfer/archive?path=project&format=rar")
    assert json.loads(await response.rest())["error"]["detail"] == {"formats": ["zip"]}


async def test_cross_site_links_do_not_work(browser, project, ask):
    archive = await kept(ask, "project")
    await browser.sign_in()
    response = await browser.get("jupyter-transfer/archive?path=project")
    assert response.status == 403
    response = await browser.get(f"jupyter-transfer/archive?path=project&_xsrf={browser.xsrf}")
    assert contents(await response.rest()) == project
    # An id is known to nobody else.
    response = await browser.get(f"jupyter-transfer/archive?id={archive['id']}")
    assert contents(await response.rest()) == project


async def test_switched_off_or_too_large(ask, project, transfer_app):
    transfer_app.archives_enabled = False
    for options in ({"params": {"path": "project"}}, {"method": "POST", "json": {"paths": ["a"]}}):
        response = await ask("archive", **options)
        assert (response.code, error_of(response)["code"]) == (403, "disabled")
    transfer_app.archives_enabled = True
    transfer_app.archives._max_size = 2 * MIB
    for options in (
        {"params": {"path": "project"}},
        {"method": "POST", "json": {"paths": ["project"]}},
    ):
        response = await ask("archive", **options)
        assert (response.code, error_of(response)["code"]) == (413, "too_large")
        assert error_of(response)["detail"]["max_size"] == 2 * MIB
    assert (await ask("archive", params={"path": "project/a.txt"})).code == 200


# ---- POST archive --------------------------------------------------------------------------------


async def test_post_then_get(ask, browser, project, jp_base_url, job_of, jp_root_dir):
    os.mkfifo(jp_root_dir / "project" / "fifo")
    answer = await kept(ask, "project", name="mine")
    assert answer["files"] == 3
    assert answer["skipped_total"] == 1
    assert [entry["path"] for entry in answer["skipped"]] == ["project/fifo"]
    job = await job_of(answer["job"])
    assert (job["kind"], job["source"], job["destination"]) == ("download", "mine.zip", "")
    assert job["options"]["paths"] == ["project"]
    assert job["state"] == "queued"
    assert job["progress"]["bytes_total"] == answer["size"]
    response = await browser.get(below_base(answer["url"], jp_base_url))
    assert response.headers["Etag"] == answer["etag"]
    data = await response.rest()
    assert len(data) == answer["size"] == int(response.headers["Content-Length"])
    assert contents(data) == project
    job = await until(lambda: finished(job_of, answer["job"]))
    assert job["state"] == "done"
    assert job["progress"]["bytes_done"] == answer["size"]
    assert job["progress"]["files_done"] == 3


async def finished(job_of, id: str) -> dict | None:
    job = await job_of(id)
    return job if job["finished"] else None


async def test_the_manifest_is_frozen(ask, project, jp_root_dir):
    answer = await kept(ask, "project")
    (jp_root_dir / "project" / "later.txt").write_text("later")
    response = await ask("archive", params={"id": answer["id"]})
    assert contents(response.body) == project


async def test_head_by_id_moves_nothing(ask, project, job_of):
    answer = await kept(ask, "project")
    response = await ask("archive", method="HEAD", params={"id": answer["id"]})
    assert response.headers["Content-Length"] == str(answer["size"])
    assert (await job_of(answer["job"]))["state"] == "queued"


BAD_BODIES = [
    [],
    {},
    {"paths": "project"},
    {"paths": [1]},
    {"paths": []},
    {"paths": ["project"], "format": 5},
    {"paths": ["project"], "name": ["x"]},
    {"paths": ["project"], "format": "7z"},
    {"paths": ["project"], "url": "https://example.org/"},
    {"paths": ["x"] * 10_001},
]


async def test_bad_bodies(ask, project):
    for body in BAD_BODIES:
        response = await ask("archive", method="POST", json=body)
        assert (response.code, error_of(response)["code"]) == (400, "bad_request"), str(body)[:60]


async def test_no_json(ask, project):
    response = await ask("archive", method="POST", body=b"\xff{")
    assert error_of(response)["code"] == "bad_request"


async def test_another_users_archive_is_unknown(ask, project, monkeypatch):
    monkeypatch.setattr(TransferHandler, "owner", "ann")
    answer = await kept(ask, "project")
    monkeypatch.setattr(TransferHandler, "owner", "bob")
    stranger = await ask("archive", params={"id": answer["id"]})
    unknown = await ask("archive", params={"id": "0" * 32})
    assert stranger.code == unknown.code == 404
    assert stranger.body == unknown.body
    monkeypatch.setattr(TransferHandler, "owner", "ann")
    assert (await ask("archive", params={"id": answer["id"]})).code == 200


# ---- while it runs -------------------------------------------------------------------------------


@pytest.fixture
def large(jp_root_dir):
    """A file that no socket buffer holds, in the folder ``big``."""
    (jp_root_dir / "big").mkdir()
    path = jp_root_dir / "big" / "large"
    path.write_bytes(b"1" * 80 * MIB)
    return path


async def test_a_source_that_changes_cuts_it_short(ask, browser, large, job_of, jp_base_url):
    answer = await kept(ask, "big")
    url = below_base(answer["url"], jp_base_url)
    response = await browser.get(url)
    start = await response.read(MIB)
    large.write_bytes(b"2" * 80 * MIB)
    data = start + await response.rest()
    assert len(data) < int(response.headers["Content-Length"])
    assert ord("2") not in set(data[1000:])
    job = await until(lambda: finished(job_of, answer["job"]))
    assert (job["state"], job["reason"]["code"]) == ("failed", "changed")
    assert "big/large" in job["reason"]["message"]
    # It can never be sent whole again, and says so at once.
    response = await browser.get(url)
    assert response.status == 409
    assert json.loads(await response.rest())["error"]["code"] == "changed"


async def test_a_source_that_vanished_before_is_a_clear_error(ask, large, job_of):
    answer = await kept(ask, "big/large")
    large.unlink()
    response = await ask("archive", params={"id": answer["id"]})
    assert (response.code, error_of(response)["code"]) == (409, "changed")
    assert (await job_of(answer["job"]))["state"] == "failed"


async def test_leave_and_resume(ask, browser, large, job_of, jp_base_url):
    answer = await kept(ask, "big")
    url = below_base(answer["url"], jp_base_url)
    response = await browser.get(url)
    start = await response.read(MIB)
    await until(lambda: is_running(job_of, answer["job"]))
    await response.leave()
    job = await until(lambda: finished(job_of, answer["job"]))
    assert (job["state"], job["reason"]["code"]) == ("failed", "connection_lost")
    resume = {"Range": f"bytes={MIB}-", "If-Range": answer["etag"]}
    response = await browser.get(url, **resume)
    assert response.status == 206
    rest = await response.rest()
    assert contents(start + rest) == {"big/": None, "big/large": b"1" * 80 * MIB}
    job = await until(lambda: finished(job_of, answer["job"]))
    assert job["state"] == "done"


async def is_running(job_of, id: str) -> bool:
    return (await job_of(id))["state"] == "running"


async def test_cancelling_the_job_closes_the_stream(ask, browser, large, job_of, jp_base_url):
    answer = await kept(ask, "big")
    url = below_base(answer["url"], jp_base_url)
    response = await browser.get(url)
    start = await response.read(MIB)
    await until(lambda: is_running(job_of, answer["job"]))
    cancelled = await ask("jobs", answer["job"], method="PATCH", json={"action": "cancel"})
    assert cancelled.code == 200
    data = start + await response.rest()
    assert len(data) < int(response.headers["Content-Length"])
    assert (await job_of(answer["job"]))["state"] == "cancelled"
    assert (await ask("archive", params={"id": answer["id"]})).code == 404


async def test_a_job_cancelled_before_the_browser_came(ask, project, job_of):
    answer = await kept(ask, "project")
    await ask("jobs", answer["job"], method="PATCH", json={"action": "cancel"})
    assert (await ask("archive", params={"id": answer["id"]})).code == 404
    assert (await job_of(answer["job"]))["state"] == "cancelled"


async def test_a_disconnect_stops_the_reading(browser, large, monkeypatch):
    reads: list[int] = []
    original = manifest.Member.read

    def counting(self, fd, buffer, position):
        reads.append(position)
        return original(self, fd, buffer, position)

    monkeypatch.setattr(manifest.Member, "read", counting)
    response = await browser.get("jupyter-transfer/archive?path=big")
    await response.read(MIB)
    await response.leave()

    def closed() -> bool:
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return not any(os.path.exists(x) and os.readlink(x).endswith("/large") for x in links)

    await until(closed)
    count = len(reads)
    await asyncio.sleep(0.2)
    assert len(reads) == count < 80


async def test_a_disconnect_stops_the_summing(browser, large, monkeypatch):
    """The file is read ahead for its sum; nobody waits for it any more."""
    monkeypatch.setattr(zip_layout, "CRC_AHEAD", 1 << 40)
    entered, go_on, stopped = threading.Event(), threading.Event(), threading.Event()
    original = zip_reader.RunningCrc.catch_up

    def slowly(self, fd, member, position, asked):
        entered.set()
        go_on.wait(20)
        try:
            original(self, fd, member, position, asked)
        finally:
            if self.position < position:
                stopped.set()

    monkeypatch.setattr(zip_reader.RunningCrc, "catch_up", slowly)
    _, writer = await browser.ask("jupyter-transfer/archive?path=big")
    await until(entered.is_set)
    writer.transport.abort()
    await asyncio.sleep(0.1)
    go_on.set()
    await until(stopped.is_set)


async def test_the_server_answers_while_it_sends(browser, large, jp_fetch):
    slow = [await browser.get("jupyter-transfer/archive?path=big") for _ in range(4)]
    assert (await jp_fetch("api", "status")).code == 200
    for answer in slow:
        await answer.leave()
