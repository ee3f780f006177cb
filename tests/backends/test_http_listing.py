"""What the listings of real web servers say: recorded from nginx 1.22, Apache 2.4, lighttpd 1.4,
Caddy 2.6 and Python 3.11, all of the same folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_transfer.backends.base import Answer
from jupyter_transfer.backends.http_listing import read_listing
from jupyter_transfer.net import parse_url

LISTINGS = Path(__file__).parent / "listings"
LONG = "long" * 40 + ".txt"
FILES = {
    "100%.txt": "100%25.txt",
    'a & b <c> "q".txt': None,
    "a#b.txt": "a%23b.txt",
    "a.bin": "a.bin",
    "a:b.txt": None,
    "big.iso": "big.iso",
    LONG: LONG,
    "plus+x.txt": None,
    "semi;colon.txt": None,
    "what?.txt": None,
}
FOLDERS = {"loop", "sub folder", "数据"}
FOLDER = parse_url("http://h.example/pub/", ("http",))


def read(body, kind="text/html", folder=FOLDER):
    body = body if isinstance(body, bytes) else body.encode()
    return read_listing(Answer(200, str(folder), {"content-type": kind}, body), folder)


def page(*links, title="Index of /pub/"):
    anchors = "".join(f'<a href="{link}">x</a>\n' for link in links)
    return f"<html><head><title>{title}</title></head><body>{anchors}</body></html>"


@pytest.mark.parametrize("name", sorted(file.name for file in LISTINGS.iterdir()))
def test_listings_of_real_servers(name):
    kind = "application/json" if name.endswith("json") else "text/html; charset=utf-8"
    items = read((LISTINGS / name).read_bytes(), kind)
    assert {item.name for item in items if item.folder} - {".hid"} == FOLDERS
    assert {item.name for item in items if not item.folder} == set(FILES)
    assert len({item.url for item in items}) == len(items)
    for item in items:
        assert item.url.startswith("http://h.example/pub/")
        assert item.url.isascii()
        assert item.url.endswith("/") is item.folder
        spelt = FILES.get(item.name)
        if spelt:
            assert item.url == f"http://h.example/pub/{spelt}"


@pytest.mark.parametrize("name", ["nginx.json", "caddy.json"])
def test_json_states_exact_sizes_and_times(name):
    items = {i.name: i for i in read((LISTINGS / name).read_bytes(), "application/json")}
    assert items["a.bin"].size == 1234
    assert items["big.iso"].size == 5_000_000
    assert items["sub folder"].size is None
    assert items["a.bin"].mtime_ns // 10**9 == 1795763655


@pytest.mark.parametrize("name", ["nginx.html", "apache-fancy.html", "lighttpd.html"])
def test_sizes_of_pages_are_not_believed(name):
    assert all(i.size is None for i in read((LISTINGS / name).read_bytes()))


@pytest.mark.parametrize(
    "link",
    [
        "../",
        "..",
        "./",
        "",
        "/",
        "/pub/",
        "/pub",
        "/other/x",
        "/pub/a/b",
        "a/b/",
        "sub/../../etc/passwd",
        "%2e%2e/",
        "%2E%2E",
        ".%2e/",
        "%2e",
        "?C=N;O=D",
        "x?download=1",
        "#top",
        "//evil.example/pub/x",
        "https://h.example/pub/x",
        "http://h.example:81/pub/x",
        "http://u:p@h.example/pub/x",
        "http://169.254.169.254/pub/x",
        "http://[::1]/pub/x",
        "javascript:alert(1)",
        "mailto:a@b",
        "file:///etc/passwd",
        "ftp://h.example/pub/x",
        "http://h.example\\@evil.example/pub/x",
        "http://[bad/pub/x",
    ],
)
def test_links_that_do_not_lead_one_step_down(link):
    assert read(page(link, "good.txt")) == read(page("good.txt"))


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("/pub/x.txt", "x.txt"),
        ("./x.txt", "x.txt"),
        ("http://H.example:80/pub/x.txt", "x.txt"),
        ("/%70ub/x.txt", "x.txt"),
        ("x%2fy.txt", "x/y.txt"),
        ("..%2f..%2fpasswd", "../../passwd"),
        ("x%00y", "x\0y"),
        ("x%5cy", "x\\y"),
        ("%ff.bin", "\ufffd.bin"),
        ("数.txt", "数.txt"),
        (" x.txt ", "x.txt"),
        ("x.txt#part", "x.txt"),
    ],
)
def test_names_are_decoded_but_addresses_stay_below(link, name):
    (item,) = read(page(link))
    assert item.name == name
    assert item.url.startswith("http://h.example/pub/")
    assert "/" not in item.url.removeprefix("http://h.example/pub/")


def test_the_same_link_twice_is_one_item():
    assert len(read(page("a.txt", "a.txt", "%61.txt", "b/", "b/"))) == 2


@pytest.mark.parametrize(
    "body",
    [
        page("a.txt", title="Downloads"),
        page("a.txt", title="An index of everything"),
        "<h3>Index of /</h3><a href=x>x</a>",
        "",
        "plain text, Index of /",
        "<title>" + "x" * 100_000,
    ],
)
def test_pages_that_are_no_listing(body):
    assert read(body) is None


def test_an_empty_folder_is_a_listing():
    assert read(page("../")) == []


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"name": "x"}',
        '[{"title": "x"}]',
        '[{"name": "x"}]',
        '[{"name": 5, "type": "file"}]',
        '["x"]',
        "[" * 100_000,
        "nonsense",
        "null",
    ],
)
def test_json_that_is_no_listing(body):
    assert read(body, "application/json") is None


def test_hostile_json():
    rows = (
        '[{"name": "../x", "type": "file", "size": 1}, {"name": "..", "type": "directory"},'
        '{"name": "a/b", "type": "directory"}, {"name": "n", "type": "file", "size": -1},'
        '{"name": "m", "type": "file", "size": true, "mtime": "never"},'
        '{"name": "o", "type": "file", "size": 1e99}]'
    )
    items = read(rows, "application/json")
    assert not any(item.folder for item in items)
    assert [item.size for item in items] == [1, None, None, None, None, None]
    assert items[0].url == "http://h.example/pub/..%2Fx"


def test_a_folder_whose_own_address_is_encoded():
    folder = parse_url("http://h.example/%E6%95%B0%20x/", ("http",))
    (item,) = read(page("/%e6%95%b0%20x/f.txt"), folder=folder)
    assert item.url == "http://h.example/%E6%95%B0%20x/f.txt"
