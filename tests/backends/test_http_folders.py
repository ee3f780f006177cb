"""Folders of web servers as sources: real nginx and Python servers, and one that misbehaves."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest

from jupyter_transfer.backends.base import Context
from jupyter_transfer.backends.http import HttpBackend
from jupyter_transfer.engine.client import opened
from jupyter_transfer.engine.control import Control, Stopped
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError
from jupyter_transfer.net import Policy
from jupyter_transfer.secrets import Credential

from ..engine.conftest import LOOPBACK
from ..servers.chaos import Resource, noise, redirect, running_chaos, status, times
from ..servers.nginx import free_port
from ..test_net import NEVER, USELESS
from .test_http_listing import LISTINGS, page

DATA = noise(50_001)


@pytest.fixture
def tree(nginx):
    """A folder of nginx with odd names, three deep."""
    files = {
        "a.bin": DATA,
        "empty": b"",
        "sub folder/b #1.bin": DATA[:1000],
        "sub folder/deep/数据?.csv": DATA[:2000],
    }
    for path, data in files.items():
        (nginx.files / "t" / path).parent.mkdir(parents=True, exist_ok=True)
        (nginx.files / "t" / path).write_bytes(data)
    return files


@pytest.fixture
def python_server(nginx):
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        cwd=nginx.files,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(100):
        try:
            urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


def serve(server, path, *links, **kwargs):
    """A page of `server` that lists `links`."""
    body = page(*links, title=f"Index of {path}").encode()
    return server.add(path, Resource(body, headers={"Content-Type": "text/html"}, **kwargs))


def entries(address, policy=LOOPBACK, **options):
    notes = []
    context = Context(options, policy, note=lambda *note: notes.append(note))
    with opened(address, context) as (backend, _):
        return list(backend.entries(address)), notes


def asked(server):
    return [request.path for request in server.requests if request.path != "/robots.txt"]


# ---- real servers -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["listed", "json"])
def test_a_folder_of_nginx(harness, nginx, tree, kind):
    outcome = harness.run(f"{nginx.url}/{kind}/t/", "to")
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == sorted(f"to/{path}" for path in tree)
    for path, data in tree.items():
        assert (harness.folder / "to" / path).read_bytes() == data


def test_a_folder_of_python(harness, python_server, tree):
    assert harness.run(f"{python_server}/t/", "to").state == "done"
    assert harness.names() == sorted(f"to/{path}" for path in tree)


def test_sizes_are_known_beforehand_from_json_only(nginx, tree):
    exact, _ = entries(f"{nginx.url}/json/t/")
    assert {entry.path: entry.size for entry in exact} == {p: len(d) for p, d in tree.items()}
    rough, _ = entries(f"{nginx.url}/listed/t/")
    assert {entry.size for entry in rough} == {None}


def test_a_guarded_folder_of_nginx(harness, nginx, tree):
    assert harness.run(f"{nginx.url}/guarded/t/", "to").error.code == "needs_credentials"
    harness.credential = Credential("u", "p")
    assert harness.run(f"{nginx.url}/guarded/t/", "to").state == "done"
    assert len(harness.names()) == len(tree)


def test_a_second_run_moves_nothing(harness, nginx, tree):
    source = f"{nginx.url}/listed/t/"
    harness.run(source, "to")
    before = harness.report.counts[-1]["bytes_moved"]
    harness.report.files, delivered = [], harness.delivered(source)
    assert harness.run(source, "to", id="again", delivered=delivered).state == "done"
    assert {row["state"] for row in harness.report.files} == {"present"}
    assert before > 0
    assert harness.report.counts[-1]["bytes_moved"] == 0


def test_look_before_you_leap(nginx, tree):
    seen = preview(f"{nginx.url}/json/t/", Context({}, LOOPBACK))
    assert (seen["title"], seen["files"], seen["bytes"]) == ("t", 4, sum(map(len, tree.values())))
    assert (seen["verifiable"], seen["unverified"]) == (False, "unknown")


def test_browse(nginx, tree):
    address = f"{nginx.url}/json/t/"
    with opened(address, Context({}, LOOPBACK)) as (backend, _):
        found = {entry.path: entry for entry in backend.browse(address)}
        assert set(found) == {"a.bin", "empty", "sub folder/"}
        deeper = {entry.path for entry in backend.browse(found["sub folder/"].address)}
        assert deeper == {"b #1.bin", "deep/"}
        assert found["a.bin"].size == len(DATA)


@pytest.mark.parametrize(
    ("path", "code", "kind"),
    [("/f.bin", "bad_request", "no_listing"), ("/none/", "remote_not_found", None)],
)
def test_what_cannot_be_browsed(chaos, path, code, kind):
    chaos.add("/f.bin", Resource(DATA))
    with (
        opened(chaos.url, Context({}, LOOPBACK)) as (backend, _),
        pytest.raises(TransferError) as caught,
    ):
        list(backend.browse(chaos.url + path))
    assert (caught.value.code, caught.value.detail.get("kind")) == (code, kind)


@pytest.mark.parametrize("name", sorted(file.name for file in LISTINGS.iterdir()))
def test_recorded_listings_of_other_servers(harness, chaos, name):
    kind = "application/json" if name.endswith("json") else "text/html"
    body = (LISTINGS / name).read_bytes()
    chaos.add("/p/", Resource(body, headers={"Content-Type": kind}))
    found, notes = entries(chaos.url + "/p/", depth=0)
    assert {e.path for e in found} >= {"a.bin", "100%.txt", 'a & b <c> "q".txt', "what?.txt"}
    assert "deeper" in notes[-1][1]


# ---- one file or many ---------------------------------------------------------------------------


def test_a_page_that_is_no_listing_stays_one_file(harness, chaos):
    source = chaos.add("/p/", Resource(b"<h1>Hello</h1>", headers={"Content-Type": "text/html"}))
    assert harness.run(source).state == "done"
    assert harness.names() == ["p"]


def test_a_large_file_behind_a_slash_is_not_read_for_its_listing(harness, chaos):
    source = chaos.add("/p/", Resource(noise(3_000_000), rate=3e6))
    found, _ = entries(source)
    assert [entry.path for entry in found] == ["p"]
    assert chaos.sent("/p/") < 1_000_000


def test_a_folder_of_one_file_is_still_a_folder(harness, chaos):
    source = serve(chaos, "/p/", "f.bin")
    chaos.add("/p/f.bin", Resource(DATA))
    assert harness.run(source, "to").state == "done"
    assert harness.names() == ["to/f.bin"]


def test_a_folder_with_an_index_page(harness, chaos):
    source = serve(chaos, "/p/", "sub/", "f.bin")
    chaos.add("/p/f.bin", Resource(DATA))
    chaos.add("/p/sub/", Resource(b"<h1>Hello</h1>", headers={"Content-Type": "text/html"}))
    assert harness.run(source).state == "done"
    assert harness.names() == ["p/f.bin", "p/sub/index.html"]


def test_a_folder_that_cannot_be_read_fails_and_the_others_go_on(harness, chaos):
    source = serve(chaos, "/p/", "no/", "yes/")
    chaos.add("/p/no/", status(403))
    serve(chaos, "/p/yes/", "f.bin")
    chaos.add("/p/yes/f.bin", Resource(DATA))
    outcome = harness.run(source)
    assert (outcome.state, outcome.error.code) == ("failed", "remote_forbidden")
    assert harness.names() == ["p/yes/f.bin"]


def test_an_empty_folder(harness, chaos):
    outcome = harness.run(serve(chaos, "/p/"))
    assert outcome.error.code == "remote_not_found"


def test_names_that_would_lead_out_are_refused_one_by_one(harness, chaos):
    rows = [
        {"name": name, "type": "file", "size": 1}
        for name in ("../out", "a/../../out", "..", "x\0y", "back\\slash", "n" * 300, "good")
    ]
    kind = {"Content-Type": "application/json"}
    source = chaos.add("/p/", Resource(json.dumps(rows).encode(), headers=kind))
    chaos.add("/p/good", Resource(DATA))
    outcome = harness.run(source, "to")
    assert outcome.state == "failed"
    assert harness.names() == ["to/good"]
    states = [(row["state"], (row["error"] or {}).get("code")) for row in harness.report.files]
    assert states.count(("failed", "invalid_path")) == 6
    assert all(not p.exists() for p in (harness.folder / "out", harness.folder.parent / "out"))


# ---- lazily, and never in a circle --------------------------------------------------------------


def test_folders_are_read_when_their_turn_comes(chaos):
    source = serve(chaos, "/p/", "a.bin", "s/", "t/")
    serve(chaos, "/p/s/", "b.bin")
    serve(chaos, "/p/t/", "c.bin")
    with opened(source, Context({}, LOOPBACK)) as (backend, _):
        found = backend.entries(source)
        assert next(found).path == "a.bin"
        assert asked(chaos) == ["/p/"]
        assert next(found).path == "s/b.bin"
        assert asked(chaos) == ["/p/", "/p/s/"]


def test_a_server_that_lists_the_same_everywhere_ends_at_the_depth(chaos):
    body = page("again/").encode()
    listing = Resource(body, headers={"Content-Type": "text/html"})
    chaos.add("/p/", listing)
    path = "/p/"
    for _ in range(40):
        path += "again/"
        chaos.add(path, listing)
    with pytest.raises(TransferError) as caught:
        entries(chaos.url + "/p/")
    assert caught.value.code == "limit_reached"
    assert len(asked(chaos)) == 21


def test_a_folder_that_redirects_upwards_is_left_out_and_told(chaos):
    source = serve(chaos, "/p/", "up/", "f.bin")
    chaos.add("/p/up/", redirect("/p/"))
    found, notes = entries(source)
    assert [entry.path for entry in found] == ["f.bin"]
    assert "lead to other addresses" in notes[0][1]


def test_a_first_folder_that_redirects_is_walked_where_it_ends(harness, chaos):
    serve(chaos, "/new/", "f.bin")
    chaos.add("/new/f.bin", Resource(DATA))
    assert harness.run(chaos.add("/old/", redirect("/new/"))).state == "done"
    assert harness.names() == ["old/f.bin"]  # named after what was asked for


def test_a_listing_that_fails_once_is_asked_for_again(chaos):
    def drop(connection):
        connection.reset()

    source = serve(chaos, "/p/", "f.bin", faults=[times(1, drop, probes=True)])
    assert [entry.path for entry in entries(source)[0]] == ["f.bin"]


def test_walking_can_be_cancelled(chaos):
    listing = Resource(page("again/").encode(), headers={"Content-Type": "text/html"})
    listing.rate = 10
    chaos.add("/p/", listing)
    control = Control()
    control.cancel()
    with (
        opened(chaos.url + "/p/", Context({}, LOOPBACK), control.check) as (backend, _),
        pytest.raises(Stopped),
    ):
        list(backend.entries(chaos.url + "/p/"))


# ---- limits -------------------------------------------------------------------------------------


def test_a_chosen_depth_leaves_the_rest_out_and_says_so(harness, nginx, tree):
    outcome = harness.run(f"{nginx.url}/listed/t/", "to", depth=1)
    assert outcome.state == "done"
    assert "to/sub folder/b #1.bin" in harness.names()
    assert not any("deep" in name for name in harness.names())
    assert harness.report.notes[-1][0] == "left_out"


def test_more_files_than_allowed(harness, nginx, tree):
    outcome = harness.run(f"{nginx.url}/listed/t/", "to", max_files=3)
    assert (outcome.state, outcome.error.code) == ("failed", "limit_reached")
    assert outcome.error.detail == {"option": "max_files"}
    assert not outcome.error.retryable


@pytest.mark.parametrize("kind", ["listed", "json"])
def test_more_bytes_than_allowed_are_not_fetched(nginx, tree, kind):
    total = sum(map(len, tree.values()))
    found, _ = entries(f"{nginx.url}/{kind}/t/", max_bytes=total)
    assert {entry.path: entry.size for entry in found} == {p: len(d) for p, d in tree.items()}
    with pytest.raises(TransferError) as caught:
        entries(f"{nginx.url}/{kind}/t/", max_bytes=total - 1)
    assert caught.value.detail == {"option": "max_bytes"}


def test_a_size_that_nobody_knows_keeps_no_limit(chaos):
    source = serve(chaos, "/p/", "none.bin")
    with pytest.raises(TransferError) as caught:
        entries(source, max_bytes="1G")
    assert caught.value.code == "limit_reached"


@pytest.mark.parametrize(
    "options",
    [{"depth": -1}, {"depth": 10**6}, {"max_files": 0}, {"max_bytes": "much"}, {"max_bytes": -5}],
)
def test_limits_that_mean_nothing(options):
    with pytest.raises(TransferError) as caught:
        HttpBackend(Context(options, LOOPBACK)).check("http://127.0.0.1/p/")
    assert caught.value.code == "bad_request"


# ---- robots.txt ---------------------------------------------------------------------------------


def rules(text):
    return Resource(text.encode(), headers={"Content-Type": "text/plain"})


def test_robots_txt_is_honoured_and_said(chaos):
    chaos.add("/robots.txt", rules("User-agent: *\nDisallow: /p/secret/\nDisallow: /p/x.bin\n"))
    source = serve(chaos, "/p/", "x.bin", "y.bin", "secret/")
    serve(chaos, "/p/secret/", "z.bin")
    found, notes = entries(source)
    assert [entry.path for entry in found] == ["y.bin"]
    assert notes == [("left_out", notes[0][1])]
    assert "2 files and folders" in notes[0][1]
    assert "/p/secret/" not in asked(chaos)


def test_rules_for_us_by_name(chaos):
    text = "User-agent: *\nDisallow: /\n\nUser-agent: jupyter-transfer\nDisallow: /p/x.bin\n"
    chaos.add("/robots.txt", rules(text))
    assert [e.path for e in entries(serve(chaos, "/p/", "x.bin", "y.bin"))[0]] == ["y.bin"]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ("Disallow: /*.iso$", ["a.bin", "b.iso.txt", "c d.bin"]),
        ("Disallow: /p/*iso", ["a.bin", "c d.bin"]),
        ("Disallow: /p/\nAllow: /p/*.bin$\nAllow: /p/$", ["a.bin", "c d.bin"]),
        ("Disallow: /p/a.bin$", ["b.iso", "b.iso.txt", "c d.bin"]),
        ("Allow: /p/c\nDisallow: /p/*.bin", ["b.iso", "b.iso.txt"]),
        ("Disallow: /p/c%20d", ["a.bin", "b.iso", "b.iso.txt"]),
        ("Disallow:", ["a.bin", "b.iso", "b.iso.txt", "c d.bin"]),
    ],
)
def test_wildcards_and_the_longest_rule(chaos, lines, left):
    """RFC 9309 2.2.2 and 2.2.3."""
    chaos.add("/robots.txt", rules(f"User-agent: *\n{lines}\n"))
    found, _ = entries(serve(chaos, "/p/", "a.bin", "b.iso", "b.iso.txt", "c%20d.bin"))
    assert [entry.path for entry in found] == left


def test_rules_that_take_long_to_read(chaos):
    hostile = "".join(f"Disallow: /{'*a' * 400}{number}*b$\n" for number in range(600))
    chaos.add("/robots.txt", rules(f"User-agent: *\n{hostile}"))
    begun = time.monotonic()
    found, _ = entries(serve(chaos, "/p/", *(f"{'a' * 200}{number}.bin" for number in range(50))))
    assert len(found) == 50
    assert time.monotonic() - begun < 5


def test_a_folder_that_is_forbidden_as_a_whole(harness, chaos):
    chaos.add("/robots.txt", rules("User-agent: *\nDisallow: /p\n"))
    source = serve(chaos, "/p/", "f.bin")
    chaos.add("/p/f.bin", Resource(DATA))
    outcome = harness.run(source)
    assert outcome.error.code == "remote_forbidden"
    assert "ignore_robots" in outcome.error.remedy
    assert harness.run(source, ignore_robots=True).state == "done"
    assert len(chaos.asked("/robots.txt")) == 1


def test_robots_txt_is_no_concern_of_a_single_file(harness, chaos):
    chaos.add("/robots.txt", rules("User-agent: *\nDisallow: /\n"))
    assert harness.run(chaos.add("/f.bin", Resource(DATA))).state == "done"
    assert chaos.asked("/robots.txt") == []


@pytest.mark.parametrize(("code", "allowed"), [(404, True), (403, True), (503, False)])
def test_rules_that_are_not_to_be_had(chaos, code, allowed):
    chaos.add("/robots.txt", status(code))
    source = serve(chaos, "/p/", "f.bin")
    if allowed:
        assert len(entries(source)[0]) == 1
        return
    with pytest.raises(TransferError) as caught:
        entries(source)
    assert (caught.value.code, caught.value.retryable) == ("remote_busy", True)


def test_rules_without_an_end(chaos):
    chaos.add("/robots.txt", rules("# " + "x" * (1 << 20)))
    with pytest.raises(TransferError) as caught:
        entries(serve(chaos, "/p/", "f.bin"))
    assert caught.value.code == "remote_lied"


# ---- addresses ----------------------------------------------------------------------------------

REFUSED = [a for a in [*NEVER, *USELESS] if "%" not in a]
BAD = [
    *(
        f"http://[{address}]/p/" if ":" in address else f"http://{address}/p/"
        for address in REFUSED
    ),
    "http://metadata.google.internal/p/",
    "http://2852039166/p/",
    "http://0xa9fea9fe/p/",
    "http://u:p@169.254.169.254/p/",
]
"""The table of the address policy, and other spellings of what is in it."""


@pytest.mark.parametrize("target", BAD)
def test_a_listing_that_redirects_to_a_refused_address(chaos, target):
    with pytest.raises(TransferError) as caught:
        entries(chaos.add("/p/", redirect(target)))
    assert caught.value.code == "address_refused"


@pytest.mark.parametrize("target", BAD)
def test_a_folder_in_it_that_redirects_to_a_refused_address(chaos, target):
    source = serve(chaos, "/p/", "s/")
    chaos.add("/p/s/", redirect(target))
    with pytest.raises(TransferError) as caught:
        entries(source)
    assert caught.value.code == "address_refused"


@pytest.mark.parametrize("target", BAD)
def test_rules_that_redirect_to_a_refused_address(chaos, target):
    chaos.add("/robots.txt", redirect(target))
    with pytest.raises(TransferError) as caught:
        entries(serve(chaos, "/p/", "f.bin"))
    assert caught.value.code == "address_refused"


@pytest.mark.parametrize("target", BAD)
def test_a_measured_file_that_redirects_to_a_refused_address(chaos, target):
    chaos.add("/p/f.bin", redirect(target))
    with pytest.raises(TransferError) as caught:
        entries(serve(chaos, "/p/", "f.bin"), max_bytes=5)
    assert caught.value.code == "address_refused"


def test_links_to_refused_addresses_are_never_called(chaos):
    links = ["http://169.254.169.254/p/x", "http://127.0.0.2:1/p/y", "//[::1]/p/z", "f.bin"]
    found, _ = entries(serve(chaos, "/p/", *links), policy=Policy.of(["127.0.0.1/32"]))
    assert [entry.path for entry in found] == ["f.bin"]


def test_listings_follow_the_policy_of_the_administrator(chaos):
    with pytest.raises(TransferError) as caught:
        entries(serve(chaos, "/p/", "f.bin"), policy=Policy())
    assert caught.value.code == "address_refused"
    assert chaos.requests == []


# ---- who asks -----------------------------------------------------------------------------------

SECRETS = [
    {"token": "canary"},
    {"credential": Credential("canary", "canary")},
    {"headers": "X-Api-Key: canary\nCookie: s=canary"},
]


def run(harness, source, secrets):
    rest = {**secrets}
    harness.credential = rest.pop("credential", None)
    return harness.run(source, **rest)


def saw(server):
    """The paths of requests that carried something of the person."""
    keys = ("authorization", "cookie", "x-api-key")
    return [r.path for r in server.requests if any(key in r.headers for key in keys)]


@pytest.mark.parametrize("options", SECRETS)
def test_credentials_go_with_every_request_to_their_origin(harness, chaos, options):
    source = serve(chaos, "/p/", "f.bin", "s/")
    serve(chaos, "/p/s/", "g.bin")
    chaos.add("/p/f.bin", Resource(DATA))
    chaos.add("/p/s/g.bin", Resource(DATA))
    assert run(harness, source, options).state == "done"
    assert saw(chaos) == [request.path for request in chaos.requests]
    assert "canary" not in repr(harness.report)


@pytest.mark.parametrize("options", SECRETS)
@pytest.mark.parametrize("hop", ["/p/", "/p/s/", "/p/f.bin", "/robots.txt"])
def test_credentials_are_dropped_at_any_change_of_origin(harness, chaos, options, hop):
    with running_chaos() as other:
        for server in (chaos, other):
            serve(server, "/p/", "f.bin", "s/")
            serve(server, "/p/s/", "g.bin")
            server.add("/p/f.bin", Resource(DATA))
            server.add("/p/s/g.bin", Resource(DATA))
        chaos.add(hop, redirect(other.url + hop))
        assert run(harness, chaos.url + "/p/", options).state == "done"
        assert other.requests
        assert saw(other) == []
        assert saw(chaos)


def test_netrc_is_used_for_its_host_and_not_after_a_redirect(harness, chaos, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    source = serve(chaos, "/p/", "f.bin")
    with running_chaos() as other:
        chaos.add("/p/f.bin", redirect(other.add("/f", Resource(DATA))))
        assert harness.run(source).state == "done"
        assert saw(other) == []
    assert "/p/" in saw(chaos)


def test_what_the_person_gives_comes_before_netrc(harness, chaos, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    source = chaos.add("/f", Resource(DATA))
    harness.run(source, headers="authorization: Custom x", token="t")
    assert {r.headers["authorization"] for r in chaos.requests} == {"Custom x"}
    chaos.requests.clear()
    harness.run(source, id="b", token="t", conflict="overwrite")
    assert {r.headers["authorization"] for r in chaos.requests} == {"Bearer t"}


@pytest.mark.parametrize(
    "headers",
    [
        "no colon canary",
        "Bad Name: canary",
        ": canary",
        "X: canary\x01",
        "Host: canary",
        "range: bytes=0-1",
        "Transfer-Encoding: chunked",
        "X-Ok: 1\nIf-Range: canary",
    ],
)
def test_headers_that_cannot_be(headers):
    with pytest.raises(TransferError) as caught:
        HttpBackend(Context({"headers": headers}, LOOPBACK)).check("http://127.0.0.1/p/")
    assert caught.value.code == "bad_request"
    assert "canary" not in str(caught.value.as_dict())
