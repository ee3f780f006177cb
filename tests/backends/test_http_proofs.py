"""What files of web servers are proven by, and where else they are to be had: jobs against a
server that misbehaves."""

from __future__ import annotations

import hashlib

import pytest

from jupyter_transfer.backends.base import Context
from jupyter_transfer.backends.http import HttpBackend
from jupyter_transfer.engine.preview import preview
from jupyter_transfer.errors import TransferError

from ..engine.conftest import LOOPBACK
from ..engine.test_crashes import release_locks
from ..servers.chaos import Resource, cut, noise, redirect, running_chaos, status, times
from .test_http_folders import BAD, SECRETS, run, saw, serve
from .test_http_sums import metalink

DATA = noise(400_001)
OTHER = noise(400_001, seed=2)
SHA = hashlib.sha256(DATA).hexdigest()
WRONG = "00" * 32


def text(content):
    return Resource(content.encode(), headers={"Content-Type": "text/plain"})


def verdict(harness):
    row = harness.report.files[-1]
    return row["verified"], row["unverified"], row["digest"]


PROVEN = (True, None, f"sha256:{SHA}")


@pytest.fixture
def source(chaos):
    return chaos.add("/d/f.bin", Resource(DATA))


# ---- one file -----------------------------------------------------------------------------------


def test_neighbours_are_not_asked_for_by_default(harness, chaos, source):
    chaos.add("/d/f.bin.sha256", text(SHA))
    harness.run(source)
    assert verdict(harness) == (None, "no_digest", None)
    assert {request.path for request in chaos.requests} == {"/d/f.bin"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.bin.sha256", f"{SHA}\n"),
        ("f.bin.sha256", f"{SHA}  f.bin\n"),
        ("f.bin.sha256sum", f"{SHA} *./f.bin\n"),
        ("SHA256SUMS", f"{WRONG}  g.bin\n{SHA}  f.bin\n"),
        ("sha256sum.txt", f"SHA256 (f.bin) = {SHA}\n"),
    ],
)
def test_neighbours_that_are_looked_for(harness, chaos, source, name, content):
    chaos.add(f"/d/{name}", text(content))
    assert harness.run(source, checksum="auto").state == "done"
    assert verdict(harness) == PROVEN


def test_weaker_neighbours(harness, chaos, source):
    md5 = hashlib.md5(DATA).hexdigest()
    chaos.add("/d/MD5SUMS", text(f"{md5}  f.bin\n"))
    harness.run(source, checksum="auto")
    assert verdict(harness) == (True, None, f"md5:{md5}")


def test_no_neighbour_is_no_failure(harness, chaos, source):
    assert harness.run(source, checksum="auto").state == "done"
    assert verdict(harness) == (None, "no_digest", None)


def test_no_neighbour_is_looked_for_where_the_answer_states_a_digest(harness, chaos):
    headers = {"X-Checksum-Sha256": SHA}
    harness.run(chaos.add("/f", Resource(DATA, headers=headers)), checksum="auto")
    assert verdict(harness) == PROVEN
    assert {request.path for request in chaos.requests} == {"/f"}


def test_a_page_in_place_of_a_neighbour_says_nothing(harness, chaos, source):
    page = Resource(f"<h1>{SHA}  f.bin</h1>".encode(), headers={"Content-Type": "text/html"})
    for name in ("f.bin.sha256", "SHA256SUMS"):
        chaos.add(f"/d/{name}", page)
    harness.run(source, checksum="auto")
    assert verdict(harness) == (None, "no_digest", None)


def test_a_neighbour_that_is_wrong_is_a_failure(harness, chaos, source):
    chaos.add("/d/f.bin.sha256", text(WRONG))
    outcome = harness.run(source, checksum="auto")
    assert outcome.error.code == "digest_mismatch"
    assert harness.names() == []


def test_a_file_that_changes_is_proven_by_the_neighbour_of_its_new_state(harness, chaos):
    resource = Resource(DATA)
    source = chaos.add("/f", resource)
    chaos.add("/f.sha256", text(SHA))

    def swap(request):
        if request.byte_range and request.byte_range[0] > 0 and resource.etag == '"v1"':
            resource.data, resource.etag = OTHER, '"v2"'
            chaos.add("/f.sha256", text(hashlib.sha256(OTHER).hexdigest()))

    resource.before = swap
    assert harness.run(source, checksum="auto").state == "done"
    assert (harness.folder / "f").read_bytes() == OTHER
    assert harness.report.files[-1]["verified"] is True


def test_a_checksum_file_by_its_address(harness, chaos, source):
    chaos.add("/sums/all.txt", text(f"{SHA}  f.bin\n"))
    harness.run(source, checksum="/sums/all.txt")
    assert verdict(harness) == PROVEN
    harness.run(source, id="b", conflict="overwrite", checksum=chaos.url + "/sums/all.txt")
    assert verdict(harness) == PROVEN


def test_a_checksum_file_that_does_not_know_the_file(harness, chaos, source):
    chaos.add("/d/SHA256SUMS", text(f"{SHA}  g.bin\n"))
    for checksum in ("SHA256SUMS", "none.txt"):
        outcome = harness.run(source, checksum=checksum)
        assert outcome.error.code == "remote_not_found"
    assert harness.names() == []


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1", "md5", "blake2b", "sha3_256"])
def test_a_digest_of_any_usual_algorithm(harness, source, algorithm):
    value = hashlib.new(algorithm, DATA).hexdigest()
    harness.run(source, checksum=f"{algorithm}:{value}")
    assert verdict(harness) == (True, None, f"{algorithm}:{value}")
    outcome = harness.run(
        source, id="b", conflict="overwrite", checksum=f"{algorithm}:{value[::-1]}"
    )
    assert outcome.error.code == "digest_mismatch"


def test_switched_off(harness, chaos):
    for checks in ({}, {"ranges": False}):
        resource = Resource(DATA, headers={"X-Checksum-Sha256": WRONG}, **checks)
        source = chaos.add("/f", resource)
        outcome = harness.run(source, conflict="overwrite")
        assert outcome.error.code == "digest_mismatch"
        outcome = harness.run(source, checksum="off", conflict="overwrite")
        assert (outcome.state, outcome.unverified) == ("done", "switched_off")
        assert verdict(harness) == (None, "switched_off", None)


def test_a_probe_looks_for_the_neighbour_too(chaos, source):
    chaos.add("/d/f.bin.sha256", text(SHA))
    assert preview(source, Context({"checksum": "auto"}, LOOPBACK))["verifiable"] is True
    seen = preview(source, Context({}, LOOPBACK))
    assert (seen["verifiable"], seen["unverified"]) == (False, "no_digest")


def test_a_checksum_that_means_nothing():
    with pytest.raises(TransferError) as caught:
        HttpBackend(Context({"checksum": "sha256:short"}, LOOPBACK)).check("http://127.0.0.1/f")
    assert caught.value.code == "bad_request"


# ---- folders ------------------------------------------------------------------------------------


@pytest.fixture
def folder(chaos):
    """Two files, one of them in a subfolder; the listing is what `serve` makes of `links`."""
    chaos.add("/p/f.bin", Resource(DATA))
    chaos.add("/p/s/g.bin", Resource(OTHER))
    serve(chaos, "/p/s/", "g.bin")
    return f"{SHA}  ./f.bin\n{hashlib.sha256(OTHER).hexdigest()} *s/g.bin\n"


def test_the_checksum_file_of_a_folder_is_read_once(harness, chaos, folder):
    source = serve(chaos, "/p/", "SHA256SUMS", "f.bin", "s/")
    chaos.add("/p/SHA256SUMS", text(folder))
    assert harness.run(source, "to").state == "done"
    rows = {row["path"]: row["verified"] for row in harness.report.files}
    assert rows == {"to/SHA256SUMS": None, "to/f.bin": True, "to/s/g.bin": True}
    whole = [r for r in chaos.asked("/p/SHA256SUMS") if r.byte_range is None]
    assert len(whole) <= 2  # once to know, once as a file of the folder


def test_files_with_a_checksum_file_of_their_own(harness, chaos, folder):
    source = serve(chaos, "/p/", "f.bin", "f.bin.sha256", "s/")
    chaos.add("/p/f.bin.sha256", text(SHA))
    assert harness.run(source, "to").state == "done"
    rows = {row["path"]: (row["verified"], row["unverified"]) for row in harness.report.files}
    assert rows["to/f.bin"] == (True, None)
    assert rows["to/s/g.bin"] == (None, "no_digest")


def test_checksums_of_a_subfolder_do_not_reach_out_of_it(harness, chaos, folder):
    source = serve(chaos, "/p/", "f.bin", "s/", "t/")
    serve(chaos, "/p/s/", "SHA256SUMS", "g.bin")
    chaos.add("/p/s/SHA256SUMS", text(f"{WRONG}  ../f.bin\n{WRONG}  f.bin\n{WRONG}  x.bin\n"))
    serve(chaos, "/p/t/", "x.bin")
    chaos.add("/p/t/x.bin", Resource(DATA))
    outcome = harness.run(source, "to")
    assert (outcome.state, outcome.unverified) == ("done", "no_digest")


def test_a_checksum_file_elsewhere_for_a_folder(harness, chaos, folder):
    source = serve(chaos, "/p/", "f.bin", "s/")
    chaos.add("/sums.txt", text(folder))
    assert harness.run(source, "to", checksum="/sums.txt").verified is True
    outcome = harness.run(source, "to", id="b", checksum="/none.txt")
    assert outcome.error.code == "remote_not_found"


def test_one_digest_for_a_folder_is_refused(harness, chaos, folder):
    outcome = harness.run(serve(chaos, "/p/", "f.bin"), checksum=f"sha256:{SHA}")
    assert outcome.error.code == "bad_request"
    assert harness.names() == []


# ---- Metalinks and mirrors ----------------------------------------------------------------------


@pytest.fixture
def mirror():
    with running_chaos() as server:
        yield server


def described(*urls, sha=SHA, extra="", name="f.bin", size=400_001):
    places = "".join(f'<url priority="{n}">{url}</url>' for n, url in enumerate(urls, 1))
    return metalink(
        f'<file name="{name}"><size>{size}</size><hash type="sha-256">{sha}</hash>'
        f"{extra}{places}</file>"
    )


def test_the_address_of_a_metalink_stands_for_its_files(harness, chaos, mirror):
    mirror.add("/f", Resource(DATA))
    mirror.add("/g", Resource(OTHER))
    body = described(mirror.url + "/f") + b""
    both = body.replace(
        b"</metalink>",
        f'<file name="sub/g.bin"><url>{mirror.url}/g</url></file></metalink>'.encode(),
    )
    source = chaos.add("/x.meta4", Resource(both))
    assert harness.run(source, "to").state == "done"
    assert harness.names() == ["to/f.bin", "to/sub/g.bin"]
    assert (harness.folder / "to/f.bin").read_bytes() == DATA
    assert harness.report.files[0]["verified"] is True


def test_a_metalink_as_a_file(harness, chaos):
    body = described("http://127.0.0.1:1/f")
    assert harness.run(chaos.add("/x.meta4", Resource(body)), metalink=False).state == "done"
    assert (harness.folder / "x.meta4").read_bytes() == body


@pytest.mark.parametrize("name", ["../out", "/abs", "a/../../out", ".."])
def test_a_metalink_with_a_hostile_name(harness, chaos, name):
    body = described(chaos.add("/f", Resource(DATA)), name=name)
    outcome = harness.run(chaos.add("/x.meta4", Resource(body)), "to")
    assert outcome.state == "failed" or harness.visible() in (["to"], ["to/out"])
    assert sorted(p.name for p in harness.folder.parent.iterdir()) == ["root"]


@pytest.mark.parametrize("failure", ["dead", "missing", "forbidden", "changed size", "cut"])
def test_a_mirror_takes_over(harness, chaos, mirror, failure):
    first = {
        "dead": "http://127.0.0.1:1/f",
        "missing": chaos.add("/missing", status(404)),
        "forbidden": chaos.add("/forbidden", status(403)),
        "changed size": chaos.add("/size", Resource(DATA[:-1])),
        "cut": chaos.url + "/cut",
    }[failure]
    resource = Resource(DATA)
    resource.faults = [times(999, cut(resource, 0))]
    chaos.add("/cut", resource)
    good = mirror.add("/f", Resource(DATA, etag='"other"'))
    source = chaos.add("/x.meta4", Resource(described(first, good)))
    outcome = harness.run(source)
    assert (outcome.state, outcome.error) == ("done", None)
    assert verdict(harness) == PROVEN
    assert (harness.folder / "f.bin").read_bytes() == DATA
    assert mirror.requests


def test_what_the_first_place_sent_is_kept_when_a_mirror_takes_over(harness, chaos, mirror):
    resource = Resource(DATA)

    def fail(connection):
        asked = connection.request.byte_range
        if asked is None or asked[0] < 200_000:
            return False
        connection.head(404, {"Content-Length": "0"})
        return True

    resource.faults = [fail]
    good = mirror.add("/f", Resource(DATA, etag='"other"'))
    source = chaos.add("/x.meta4", Resource(described(chaos.add("/f", resource), good)))
    assert harness.run(source).state == "done"
    assert verdict(harness) == PROVEN
    assert mirror.sent("/f") < len(DATA) - 100_000


def test_all_places_fail(harness, chaos, mirror):
    urls = [chaos.add("/f", status(404)), mirror.add("/f", status(403))]
    outcome = harness.run(chaos.add("/x.meta4", Resource(described(*urls))))
    assert (outcome.state, outcome.error.code) == ("failed", "remote_forbidden")
    assert harness.names() == []


def test_a_mirror_that_lies_gives_way_to_the_next(harness, chaos, mirror):
    urls = [chaos.add("/f", Resource(OTHER)), mirror.add("/f", Resource(DATA))]
    assert harness.run(chaos.add("/x.meta4", Resource(described(*urls)))).state == "done"
    assert (harness.folder / "f.bin").read_bytes() == DATA


def test_damaged_pieces_alone_are_fetched_again(harness, chaos, mirror):
    damaged = bytearray(DATA)
    damaged[150_000] ^= 1
    length = 50_000
    parts = [DATA[n : n + length] for n in range(0, len(DATA), length)]
    hashes = "".join(f"<hash>{hashlib.sha1(part).hexdigest()}</hash>" for part in parts)
    extra = f'<pieces length="{length}" type="sha-1">{hashes}</pieces>'
    urls = [chaos.add("/f", Resource(bytes(damaged))), mirror.add("/f", Resource(DATA))]
    source = chaos.add("/x.meta4", Resource(described(*urls, extra=extra)))
    assert harness.run(source).state == "done"
    assert verdict(harness) == PROVEN
    assert mirror.sent("/f") <= length + 1


def test_a_mirror_takes_over_after_a_kill_and_the_source_is_still_the_same(harness, chaos, mirror):
    """Parts of the one and of the other are one file: the digest says so."""
    mirror.add("/f", Resource(DATA, etag='"other"'))
    source = chaos.add("/x.meta4", Resource(described("http://127.0.0.1:1/f", mirror.url + "/f")))
    harness.control.bandwidth.rate = 200_000
    harness.report.on_progress = lambda counts: counts["bytes_done"] and harness.control.pause()
    assert harness.run(source).state == "paused"
    release_locks()
    harness.fresh_control()
    kept = harness.report.counts[-1]["bytes_done"]
    before = mirror.sent("/f")
    assert harness.run(source).state == "done"
    assert mirror.sent("/f") - before <= len(DATA) - kept + 200_000
    assert verdict(harness) == PROVEN


def test_what_a_mirror_delivered_is_known_later(harness, chaos, mirror):
    mirror.add("/f", Resource(DATA, etag='"other"'))
    first = Resource(DATA, faults=[times(99, status(404), probes=True)])
    source = chaos.add("/x.meta4", Resource(described(chaos.add("/f", first), mirror.url + "/f")))
    harness.run(source)
    first.faults.clear()
    outcome = harness.run(source, id="again", delivered=harness.delivered(source))
    assert outcome.state == "done"
    assert harness.report.files[-1]["state"] == "present"


# ---- Link headers -------------------------------------------------------------------------------


def linked(mirror_url, **headers):
    return {"Link": f"<{mirror_url}>; rel=duplicate; pri=1", **headers}


def test_mirrors_of_link_headers_need_a_digest(harness, chaos, mirror):
    good = mirror.add("/f", Resource(DATA))
    resource = Resource(DATA, headers=linked(good))
    resource.faults = [times(999, status(404))]
    source = chaos.add("/f", resource)
    assert harness.run(source).error.code == "remote_not_found"
    assert mirror.requests == []
    resource.headers["X-Checksum-Md5"] = hashlib.md5(DATA).hexdigest()
    assert harness.run(source).error.code == "remote_not_found"
    assert mirror.requests == []
    resource.headers["X-Checksum-Sha256"] = SHA
    assert harness.run(source).state == "done"
    assert verdict(harness) == PROVEN


def test_a_digest_of_the_person_is_as_good(harness, chaos, mirror):
    good = mirror.add("/f", Resource(DATA))
    resource = Resource(DATA, headers=linked(good), faults=[times(999, status(404))])
    assert harness.run(chaos.add("/f", resource), checksum=SHA).state == "done"


def test_a_metalink_that_the_answer_names(harness, chaos, mirror):
    good = mirror.add("/f", Resource(DATA))
    chaos.add("/f.meta4", Resource(described(chaos.url + "/f.bin", good)))
    link = '</f.meta4>; rel=describedby; type="application/metalink4+xml"'
    resource = Resource(DATA, headers={"Link": link}, faults=[times(999, status(404))])
    assert harness.run(chaos.add("/f.bin", resource)).state == "done"
    assert verdict(harness) == PROVEN
    assert mirror.requests


def test_a_metalink_that_is_none_is_passed_over(harness, chaos):
    chaos.add("/f.meta4", Resource(b"nonsense"))
    link = '</f.meta4>; rel=describedby; type="application/metalink4+xml"'
    outcome = harness.run(chaos.add("/f.bin", Resource(DATA, headers={"Link": link})))
    assert (outcome.state, outcome.unverified) == ("done", "no_digest")


# ---- addresses and credentials ------------------------------------------------------------------


@pytest.mark.parametrize("target", BAD)
def test_neighbours_that_redirect_to_a_refused_address(harness, chaos, source, target):
    chaos.add("/d/f.bin.sha256", redirect(target))
    assert harness.run(source, checksum="auto").error.code == "address_refused"
    assert harness.run(source, checksum=target).error.code == "address_refused"


@pytest.mark.parametrize("target", BAD)
def test_mirrors_at_refused_addresses(harness, chaos, target):
    source = chaos.add("/x.meta4", Resource(described("http://127.0.0.1:1/f", target)))
    assert harness.run(source).error.code == "address_refused"
    chaos.add("/to", redirect(target))
    source = chaos.add("/y.meta4", Resource(described(chaos.url + "/to")))
    assert harness.run(source).error.code == "address_refused"


@pytest.mark.parametrize("target", BAD)
def test_a_metalink_that_redirects_to_a_refused_address(harness, chaos, target):
    assert harness.run(chaos.add("/x.meta4", redirect(target))).error.code == "address_refused"


@pytest.mark.parametrize("secrets", SECRETS)
def test_mirrors_and_neighbours_elsewhere_get_no_credentials(harness, chaos, mirror, secrets):
    good = mirror.add("/f", Resource(DATA))
    mirror.add("/sums", text(f"{SHA}  f.bin\n"))
    resource = Resource(DATA, headers=linked(good), faults=[times(999, status(404))])
    source = chaos.add("/f.bin", resource)
    outcome = run(harness, source, {**secrets, "checksum": mirror.url + "/sums"})
    assert outcome.state == "done"
    assert {request.path for request in mirror.requests} == {"/sums", "/f"}
    assert saw(mirror) == []
    assert set(saw(chaos)) == {"/f.bin"}


@pytest.mark.parametrize("secrets", SECRETS)
def test_neighbours_and_metalinks_of_the_same_origin_get_them(harness, chaos, mirror, secrets):
    good = mirror.add("/f", Resource(DATA))
    chaos.add("/x.meta4", Resource(described(good)))
    assert run(harness, chaos.url + "/x.meta4", secrets).state == "done"
    assert saw(chaos) == ["/x.meta4"]
    assert saw(mirror) == []
