"""Sending over HTTP: the conformance suite of sinks, by WebDAV and by plain PUT."""

from __future__ import annotations

import os
import uuid

import pytest

from jupyter_transfer.backends.base import Answer
from jupyter_transfer.backends.http_sink import folder_of, refusal, temporary_beside
from jupyter_transfer.backends.webdav import entries_in
from jupyter_transfer.errors import TransferError

from ..servers.nginx import running_nginx
from ..servers.webdav import running_webdav
from .contract_send import SinkContract
from .site import Access, Site


@pytest.fixture(scope="module")
def dav(tmp_path_factory):
    with running_webdav(tmp_path_factory.mktemp("dav") / "files") as server:
        yield server


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with running_nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


class FolderSite(Site):
    """A folder that a server on this machine serves."""

    def __init__(self, files, url):
        self.files = files
        self.url = url

    def put(self, name, data):
        file = self.files / name
        file.parent.mkdir(parents=True, exist_ok=True)
        # Apart from what stood there before by its time, too.
        before = file.stat().st_mtime_ns if file.exists() else 1_600_000_000 * 10**9
        file.write_bytes(data)
        os.utime(file, ns=(before + 10**10, before + 10**10))

    def access(self, name=""):
        from urllib.parse import quote

        return Access(f"{self.url}/{quote(name)}")

    def read(self, name):
        file = self.files / name
        return file.read_bytes() if file.exists() else None

    def names(self):
        files = [path for path in self.files.rglob("*") if path.is_file()]
        return sorted(path.relative_to(self.files).as_posix() for path in files)


class TestWebDav(SinkContract):
    parts = False

    @pytest.fixture
    def site(self, dav):
        name = uuid.uuid4().hex
        (dav.files / name).mkdir()
        return FolderSite(dav.files / name, f"{dav.url}/{name}")


class TestPut(SinkContract):
    """nginx makes a file of a PUT when it is whole, and knows no conditions."""

    parts = False
    removes_folders = False

    @pytest.fixture
    def site(self, nginx):
        name = uuid.uuid4().hex
        (nginx.files / name).mkdir()
        return FolderSite(nginx.files / name, f"{nginx.url}/dav/{name}")


# ---- multi-status -------------------------------------------------------------------------------

NEXTCLOUD = b"""<?xml version="1.0"?>
<d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:response>
<d:href>/remote.php/dav/files/me/a%20b.txt</d:href>
<d:propstat><d:prop><d:resourcetype/><d:getcontentlength>3</d:getcontentlength>
<d:getetag>&quot;e1&quot;</d:getetag>
<d:getlastmodified>Tue, 14 Nov 2023 22:13:20 GMT</d:getlastmodified>
<oc:checksums><oc:checksum>SHA1:a9993e364706816aba3e25717850c26c9cd0d89d
 MD5:900150983cd24fb0d6963f7d28e17f72</oc:checksum></oc:checksums></d:prop>
<d:status>HTTP/1.1 200 OK</d:status></d:propstat>
<d:propstat><d:prop><d:quota-used-bytes/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status>
</d:propstat></d:response></d:multistatus>"""


def answer(body: bytes) -> Answer:
    return Answer(207, "https://h/remote.php/dav/files/me/a%20b.txt", {}, body)


def test_an_answer_of_nextcloud():
    (entry,) = entries_in(answer(NEXTCLOUD))
    assert (entry.path, entry.size, entry.validators.etag) == ("a b.txt", 3, '"e1"')
    assert entry.validators.settled
    assert str(entry.digest) == "sha1:a9993e364706816aba3e25717850c26c9cd0d89d"


def test_a_property_that_is_not_there_is_none():
    body = NEXTCLOUD.replace(b"200 OK", b"404 Not Found")
    (entry,) = entries_in(answer(body))
    assert (entry.size, entry.digest, entry.validators.etag) == (None, None, None)


def test_a_folder():
    body = NEXTCLOUD.replace(
        b"<d:resourcetype/>", b"<d:resourcetype><d:collection/></d:resourcetype>"
    )
    (entry,) = entries_in(answer(body))
    assert (entry.path, entry.size) == ("a b.txt/", None)


@pytest.mark.parametrize(
    "body",
    [
        b"no xml",
        b"",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
    ],
)
def test_what_is_no_good_xml_is_refused(body):
    with pytest.raises(TransferError) as caught:
        entries_in(answer(body))
    assert caught.value.code == "remote_lied"


def test_temporary_names_fit_and_lie_beside():
    long = "https://h/d/" + "%E6%95%B0" * 80 + "?x=1"
    temporary = temporary_beside(long)
    assert folder_of(temporary) == "https://h/d/"
    from urllib.parse import unquote

    assert len(unquote(temporary.rpartition("/")[2]).encode()) <= 255
    assert temporary != temporary_beside(long)


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), ("", None), ("soon", None)])
def test_a_server_that_is_busy_says_for_how_long(asked, seconds):
    answer = Answer(503, "http://h/f", {"retry-after": asked}, b"")
    error = refusal(answer)
    assert (error.code, error.retry_after) == ("remote_busy", seconds)
