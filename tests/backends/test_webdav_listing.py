"""What a WebDAV server may not make of its listing: members that lie elsewhere."""

from __future__ import annotations

import pytest

from jupyter_transfer.backends.base import Answer
from jupyter_transfer.backends.webdav import members_in

URL = "http://h.example/d/"


def listing(*paths: str) -> Answer:
    entry = (
        "<d:response><d:href>{}</d:href><d:propstat><d:prop><d:resourcetype/>"
        "<d:getcontentlength>4</d:getcontentlength></d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )
    body = "".join(entry.format(path) for path in paths)
    return Answer(207, URL, {}, f'<d:multistatus xmlns:d="DAV:">{body}</d:multistatus>'.encode())


@pytest.mark.parametrize(
    "path",
    [
        "/d/..",
        "/d/.",
        "/d/%2e%2e",
        "/d/..%2f..%2fup.bin",
        "/d/a%2fb.bin",
        "/d/../up.bin",
        "/d/s/../../up.bin",
        "/d/s/deeper.bin",
        "/e/f.bin",
        "/d",
        "/d/",
        "http://other.example/e/f.bin",
        "//other.example/e/f.bin",
    ],
)
def test_members_lie_directly_in_the_folder(path):
    found = members_in(listing(path, "/d/good.bin"))
    assert [(entry.path, entry.address) for entry in found] == [("good.bin", URL + "good.bin")]


def test_a_name_that_only_looks_like_an_address():
    (entry,) = members_in(listing("/d/a%3Fb%23c%25.bin"))
    assert (entry.path, entry.address) == ("a?b#c%.bin", URL + "a%3Fb%23c%25.bin")
