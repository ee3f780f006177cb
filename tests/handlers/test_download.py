"""``download/{path}``: one file."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import time
from email.message import EmailMessage
from urllib.parse import quote

import pytest

from jupyter_transfer.handlers import downloads

from ..conftest import error_of
from .browser import Browser

MIB = 1 << 20


@pytest.fixture
def browser(jp_serverapp, jp_fetch) -> Browser:
    """A browser at the running server (which listens only where `jp_fetch` is)."""
    return Browser(jp_serverapp)


@pytest.fixture
def content(jp_root_dir) -> bytes:
    """What stands in ``data.bin``."""
    data = os.urandom(3 * MIB + 17)
    (jp_root_dir / "data.bin").write_bytes(data)
    os.utime(jp_root_dir / "data.bin", (1_700_000_000, 1_700_000_000))
    return data


async def test_get(ask, content):
    response = await ask("download", "data.bin")
    assert response.code == 200
    assert response.body == content
    headers = response.headers
    assert headers["Content-Length"] == str(len(content))
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "no-transform" in headers["Cache-Control"]
    assert "sandbox" in [part.strip() for part in headers["Content-Security-Policy"].split(";")]
    assert headers["Etag"].startswith('"')
    assert headers["Last-Modified"].endswith(" GMT")


async def test_head_says_what_get_would(ask, content):
    got = await ask("download", "data.bin")
    head = await ask("download", "data.bin", method="HEAD", headers={"Range": "bytes=5-9"})
    assert (head.code, head.body) == (200, b"")
    for name in ("Content-Length", "Etag", "Last-Modified", "Content-Disposition"):
        assert head.headers[name] == got.headers[name]


async def test_head_states_the_digest_that_is_wanted(ask, content, monkeypatch):
    async def digest_with(wanted, method="HEAD"):
        headers = {} if wanted is None else {"Want-Repr-Digest": wanted}
        response = await ask("download", "data.bin", method=method, headers=headers)
        assert response.code == 200
        return response.headers.get("Repr-Digest")

    stated = "sha-256=:" + base64.b64encode(hashlib.sha256(content).digest()).decode() + ":"
    assert await digest_with("sha-256=10") == stated
    assert await digest_with("sha-512=3, sha-256=1") == stated
    for unwanted in (None, "sha-256=0", "sha-512=10", "sha-256", "sha-256=x"):
        assert await digest_with(unwanted) is None
    # A download begins at once.
    assert await digest_with("sha-256=10", "GET") is None
    monkeypatch.setattr(downloads, "MAX_DIGEST", len(content) - 1)
    assert await digest_with("sha-256=10") is None


async def test_no_digest_of_a_file_that_changes_meanwhile(ask, content, jp_root_dir, monkeypatch):
    pread = os.pread

    def and_change(fd, size, position):
        with (jp_root_dir / "data.bin").open("ab") as file:
            file.write(b"x" if position == 0 else b"")
        return pread(fd, size, position)

    monkeypatch.setattr(downloads.os, "pread", and_change)
    response = await ask(
        "download", "data.bin", method="HEAD", headers={"Want-Repr-Digest": "sha-256=10"}
    )
    assert (response.code, response.headers.get("Repr-Digest")) == (200, None)


async def test_empty_file(ask, jp_root_dir):
    (jp_root_dir / "empty").touch()
    response = await ask("download", "empty")
    assert (response.code, response.body) == (200, b"")
    assert response.headers["Content-Length"] == "0"
    response = await ask("download", "empty", headers={"Range": "bytes=0-"})
    assert response.code == 416


async def test_ranges(ask, content):
    size = len(content)
    for start, end in [(0, 1), (5, 10), (MIB - 1, 2 * MIB + 1), (size - 1, size), (0, size)]:
        response = await ask("download", "data.bin", headers={"Range": f"bytes={start}-{end - 1}"})
        assert response.code == 206
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert response.headers["Content-Length"] == str(end - start)
        assert response.body == content[start:end]


async def test_a_range_behind_the_end(ask, content):
    response = await ask("download", "data.bin", headers={"Range": f"bytes={len(content)}-"})
    assert response.code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(content)}"
    assert error_of(response)["code"] == "range_not_satisfiable"


async def test_several_ranges_give_the_whole(ask, content):
    response = await ask("download", "data.bin", headers={"Range": "bytes=0-1,5-6"})
    assert (response.code, response.body) == (200, content)


async def test_unchanged(ask, content):
    first = await ask("download", "data.bin", method="HEAD")
    for headers in (
        {"If-None-Match": first.headers["Etag"]},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        response = await ask("download", "data.bin", headers=headers)
        assert (response.code, response.body) == (304, b"")
        assert response.headers["Etag"] == first.headers["Etag"]
    response = await ask("download", "data.bin", headers={"If-Match": '"other"'})
    assert response.code == 412
    assert error_of(response)["code"] == "precondition_failed"


@pytest.mark.parametrize("validator", ["Etag", "Last-Modified"])
async def test_never_two_versions_spliced(ask, content, jp_root_dir, validator):
    first = await ask("download", "data.bin", headers={"Range": "bytes=0-999"})
    resume = {"Range": "bytes=1000-", "If-Range": first.headers[validator]}
    response = await ask("download", "data.bin", headers=resume)
    assert (response.code, response.body) == (206, content[1000:])
    changed = os.urandom(len(content))
    path = jp_root_dir / "data.bin"
    path.write_bytes(changed)
    os.utime(path, (1_700_000_001, 1_700_000_001))
    response = await ask("download", "data.bin", headers=resume)
    assert (response.code, response.body) == (200, changed)


async def test_a_time_that_may_stand_for_two_versions_is_not_told(ask, content, jp_root_dir):
    for moment in (time.time(), time.time() + 1e6, 2**60, -5):
        os.utime(jp_root_dir / "data.bin", (0, moment))
        response = await ask("download", "data.bin")
        assert response.body == content
        assert "Last-Modified" not in response.headers
        assert response.headers["Etag"]


@pytest.mark.parametrize("how", ["in place", "by rename"])
async def test_a_file_rewritten_with_its_size_and_time_has_another_tag(
    ask, content, jp_root_dir, how
):
    path = jp_root_dir / "data.bin"
    old = path.stat()
    first = await ask("download", "data.bin", method="HEAD")
    if how == "in place":
        path.write_bytes(bytes(len(content)))
    else:
        (jp_root_dir / "new").write_bytes(bytes(len(content)))
        os.replace(jp_root_dir / "new", path)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    second = await ask("download", "data.bin", method="HEAD")
    assert second.headers["Last-Modified"] == first.headers["Last-Modified"]
    assert second.headers["Etag"] != first.headers["Etag"]


NAMES = [
    "a b.txt",
    "café ☕ 数据.csv",
    'quo"te;b.exe',
    "back\\slash",
    "semi;colon=x",
    "100%25.txt",
    "a'b*c.html",
    "x\u202egpj.exe",
    "line\r\nX-Injected: yes",
    "<img src=x onerror=alert(1)>.svg",
    "é" * 127,
]


async def test_hostile_names(ask, jp_root_dir):
    for name in NAMES:
        (jp_root_dir / name).write_bytes(b"<script>alert(1)</script>")
        response = await ask("download", name)
        assert response.code == 200, name
        assert "X-Injected" not in response.headers
        assert response.headers["Content-Type"] == "application/octet-stream"
        value = response.headers["Content-Disposition"]
        # A second parser than the browser's: Python's.
        message = EmailMessage()
        message["Content-Disposition"] = value
        assert message.get_content_disposition() == "attachment"
        assert list(message["Content-Disposition"].params) == ["filename"]
        assert "\r" not in value
        assert "\n" not in value


NOT_TO_BE_HAD = [
    ("../outside", 400),
    ("a/../../outside", 400),
    ("/etc/passwd", 400),
    ("a//b", 400),
    ("..\\outside", 403),
    ("back\\slash", 404),
    ("a\0b", 400),
    ("x" * 256, 400),
    ("/".join(["d"] * 3000), 400),
    ("nowhere", 404),
    ("nowhere/at/all", 404),
    ("data.bin/below", 409),
    ("", 400),
    ("folder", 400),
    (".hidden", 403),
    ("folder/.hidden", 403),
    (".jupyter-transfer/x", 403),
    ("link-out", 400),
    ("folder-out/secret", 400),
    ("dangling", 404),
    ("loop", 400),
    ("fifo", 400),
]


async def test_what_is_not_to_be_had(browser, content, jp_root_dir):
    outside = jp_root_dir.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (jp_root_dir / "folder").mkdir()
    for name in (".hidden", "folder/.hidden"):
        (jp_root_dir / name).write_text("hidden")
    os.symlink(outside / "secret", jp_root_dir / "link-out")
    os.symlink("../outside", jp_root_dir / "folder-out")
    os.symlink("nothing", jp_root_dir / "dangling")
    os.symlink("loop", jp_root_dir / "loop")
    os.mkfifo(jp_root_dir / "fifo")
    for path, code in NOT_TO_BE_HAD:
        for sent in (quote(path), quote(path, safe="").replace(".", "%2E")):
            response = await browser.get("jupyter-transfer/download/" + sent)
            assert response.status == code, path
            error = json.loads(await response.rest())["error"]
            assert str(jp_root_dir.parent) not in error["message"]


async def test_an_inner_link_is_the_file(ask, content, jp_root_dir):
    os.symlink("data.bin", jp_root_dir / "link")
    response = await ask("download", "link")
    assert response.body == content
    assert 'filename="link"' in response.headers["Content-Disposition"]


async def test_cross_site_links_do_not_work(browser, content):
    """A browser that is signed in by its cookie needs the token that only our pages know."""
    await browser.sign_in()
    response = await browser.get("jupyter-transfer/download/data.bin")
    assert response.status == 403
    foreign = {"Referer": "https://evil.example/", "Sec-Fetch-Site": "cross-site"}
    response = await browser.get("jupyter-transfer/download/data.bin", **foreign)
    assert response.status == 403
    response = await browser.get(f"jupyter-transfer/download/data.bin?_xsrf={browser.xsrf}")
    assert response.status == 200
    assert await response.rest() == content


async def test_a_browser_that_leaves_frees_the_file(browser, jp_root_dir, jp_serverapp):
    (jp_root_dir / "large").write_bytes(bytes(64 * MIB))

    def open_now() -> int:
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return sum(os.path.exists(x) and os.readlink(x).endswith("/large") for x in links)

    response = await browser.get("jupyter-transfer/download/large")
    assert len(await response.read(MIB)) == MIB
    assert open_now() > 0
    await response.leave()
    for _ in range(500):
        if not open_now():
            break
        await asyncio.sleep(0.01)
    assert open_now() == 0


async def test_a_file_that_changes_is_cut_short(browser, jp_root_dir):
    path = jp_root_dir / "large"
    path.write_bytes(b"1" * 64 * MIB)
    response = await browser.get("jupyter-transfer/download/large")
    start = await response.read(MIB)
    path.write_bytes(b"2" * 64 * MIB)
    data = start + await response.rest()
    assert len(data) < int(response.headers["Content-Length"])
    assert set(data) == {ord("1")}


async def test_a_file_that_is_renamed_goes_on(browser, jp_root_dir):
    path = jp_root_dir / "large"
    path.write_bytes(b"1" * 16 * MIB)
    response = await browser.get("jupyter-transfer/download/large")
    start = await response.read(MIB)
    path.rename(jp_root_dir / "other")
    assert start + await response.rest() == b"1" * 16 * MIB


async def test_a_file_that_is_replaced_is_sent_as_it_was(browser, jp_root_dir):
    """Saving by rename leaves the old content whole for whoever has it open."""
    path = jp_root_dir / "large"
    path.write_bytes(b"1" * 16 * MIB)
    response = await browser.get("jupyter-transfer/download/large")
    start = await response.read(MIB)
    (jp_root_dir / "new").write_bytes(b"2" * 16 * MIB)
    os.replace(jp_root_dir / "new", path)
    assert start + await response.rest() == b"1" * 16 * MIB


async def test_the_server_answers_while_a_slow_browser_waits(browser, jp_root_dir, jp_fetch):
    (jp_root_dir / "large").write_bytes(bytes(64 * MIB))
    slow = [await browser.get("jupyter-transfer/download/large") for _ in range(12)]
    response = await jp_fetch("api", "status")
    assert response.code == 200
    for answer in slow:
        await answer.leave()
