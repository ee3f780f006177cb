"""Files that arrive: from a real nginx and from servers of every legitimate kind."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from jupyter_transfer.engine import ranged
from jupyter_transfer.secrets import Credential

from ..servers.chaos import Resource, chunked, gzipped, noise, redirect, status, times

DATA = noise(1_000_003)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 1_000_003])
def test_nginx_plain(harness, nginx, size):
    (nginx.files / "f.bin").write_bytes(DATA[:size])
    outcome = harness.run(f"{nginx.url}/f.bin")
    assert (outcome.state, outcome.verified) == ("done", None)
    assert (harness.folder / "f.bin").read_bytes() == DATA[:size]
    assert harness.names() == ["f.bin"]
    assert (harness.folder / "f.bin").stat().st_mtime == int(
        (nginx.files / "f.bin").stat().st_mtime
    )
    assert harness.report.counts[-1] == {
        "bytes_done": size,
        "bytes_total": size,
        "bytes_moved": size,
        "files_done": 1,
        "files_total": 1,
        "files_failed": 0,
    }


def test_nginx_over_tls(harness, nginx, certificate):
    (nginx.files / "t.bin").write_bytes(DATA)
    harness.ca_file = str(certificate[0])
    assert harness.run(f"{nginx.tls_url}/t.bin").state == "done"
    assert (harness.folder / "t.bin").read_bytes() == DATA


def test_a_certificate_that_nobody_vouches_for(harness, nginx):
    (nginx.files / "t.bin").write_bytes(DATA)
    outcome = harness.run(f"{nginx.tls_url}/t.bin")
    assert (outcome.state, outcome.error.code) == ("failed", "tls_failed")
    assert harness.names() == []


def test_a_certificate_for_another_name(harness, nginx, certificate):
    harness.ca_file = str(certificate[0])
    outcome = harness.run(nginx.tls_url.replace("127.0.0.1", "127.0.0.2") + "/t.bin")
    assert outcome.error.code in ("tls_failed", "connect_failed")
    assert harness.names() == []


def test_a_ca_file_that_is_not_there(harness, nginx):
    harness.ca_file = "/nonexistent.pem"
    assert harness.run(f"{nginx.tls_url}/t.bin").error.code == "tls_failed"


def test_segments_are_fetched_by_several_connections(harness, chaos):
    together, most = [0], [0]
    lock = threading.Lock()

    def slow(connection):
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        Resource(DATA, rate=4e6).answer(connection)
        with lock:
            together[0] -= 1

    outcome = harness.run(chaos.add("/f", slow))
    assert outcome.state == "done"
    assert (harness.folder / "f").read_bytes() == DATA
    assert 2 <= most[0] <= ranged.CONNECTIONS
    assert chaos.sent("/f") == len(DATA) + 1


def test_nothing_is_asked_for_in_a_coding(harness, chaos):
    harness.run(chaos.add("/f", Resource(DATA)))
    assert {request.headers["accept-encoding"] for request in chaos.requests} == {"identity"}


def test_a_server_without_ranges(harness, chaos):
    outcome = harness.run(chaos.add("/f", Resource(DATA, ranges=False)))
    assert outcome.state == "done"
    assert (harness.folder / "f").read_bytes() == DATA


@pytest.mark.parametrize(
    "resource",
    [
        Resource(DATA, etag='W/"v"'),
        Resource(DATA, etag=None, modified=None),
    ],
    ids=["weak", "none"],
)
def test_without_a_strong_validator_it_is_one_request(harness, chaos, resource):
    outcome = harness.run(chaos.add("/f", resource))
    assert outcome.state == "done"
    assert (harness.folder / "f").read_bytes() == DATA
    assert [request.byte_range for request in chaos.asked("/f")] == [(0, 0), None]


def test_an_old_modification_time_is_validator_enough(harness, chaos):
    assert harness.run(chaos.add("/f", Resource(DATA, etag=None))).state == "done"
    assert len(chaos.asked("/f")) > 3
    assert (harness.folder / "f").read_bytes() == DATA


def test_a_digest_allows_parts_without_validators(harness, chaos):
    source = chaos.add("/f", Resource(DATA, etag=None, modified=None))
    outcome = harness.run(source, sha256=sha256(DATA))
    assert (outcome.state, outcome.verified) == ("done", True)
    assert len(chaos.asked("/f")) > 3


def test_an_unknown_length(harness, chaos):
    source = chaos.add("/f", chunked(Resource(DATA)))
    outcome = harness.run(source)
    assert outcome.state == "done"
    assert (harness.folder / "f").read_bytes() == DATA
    assert harness.report.counts[-1]["bytes_total"] == len(DATA)


def test_a_server_that_refuses_the_range_header(harness, chaos):
    resource = Resource(DATA, ranges=False)
    resource.faults.append(times(1, status(501), probes=True))
    assert harness.run(chaos.add("/f", resource)).state == "done"


def test_an_unasked_coding_is_undone(harness, chaos):
    text = b"all work and no play " * 5000
    outcome = harness.run(chaos.add("/page.txt", gzipped(Resource(text))))
    assert outcome.state == "done"
    assert (harness.folder / "page.txt").read_bytes() == text


def test_a_compressed_file_stays_compressed(harness, chaos):
    text = b"all work and no play " * 5000
    outcome = harness.run(chaos.add("/data.csv.gz", gzipped(Resource(text))))
    assert outcome.state == "done"
    stored = (harness.folder / "data.csv.gz").read_bytes()
    assert stored[:2] == b"\x1f\x8b"
    assert len(stored) < len(text)


@pytest.mark.parametrize("stated", ["repr-digest", "given"])
def test_a_digest_proves_the_file(harness, chaos, stated):
    resource, options = Resource(DATA), {}
    if stated == "given":
        options = {"sha256": sha256(DATA).upper()}
    else:
        from base64 import b64encode

        value = b64encode(hashlib.sha256(DATA).digest()).decode()
        resource.headers["Repr-Digest"] = f"sha-256=:{value}:"
    outcome = harness.run(chaos.add("/f", resource), **options)
    assert (outcome.state, outcome.verified) == ("done", True)
    assert harness.report.files[0]["digest"] == f"sha256:{sha256(DATA)}"
    assert "checking" in harness.report.states


# ---- names and places ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "path"),
    [
        ("", "f.bin"),
        ("there", "there/f.bin"),
        ("there/", "there/f.bin"),
        ("new", "new"),
        ("new/", "new/f.bin"),
        ("new/deep/other.bin", "new/deep/other.bin"),
    ],
)
def test_where_one_file_lands(harness, chaos, destination, path):
    (harness.folder / "there").mkdir()
    assert harness.run(chaos.add("/x/f.bin", Resource(DATA)), destination).state == "done"
    assert harness.names() == [path]
    assert harness.report.files[0]["path"] == path


def test_the_name_that_the_server_states(harness, chaos):
    resource = Resource(DATA, headers={"Content-Disposition": 'attachment; filename="../数据.csv"'})
    assert harness.run(chaos.add("/get", resource), "in/").state == "done"
    assert harness.names() == ["in/数据.csv"]


def test_the_name_that_the_person_chose_wins(harness, chaos):
    resource = Resource(DATA, headers={"Content-Disposition": "attachment; filename=x"})
    assert harness.run(chaos.add("/get", resource), filename="mine.bin").state == "done"
    assert harness.names() == ["mine.bin"]


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "..", "a\nb"])
def test_a_bad_name_that_the_person_chose_is_refused(harness, chaos, name):
    outcome = harness.run(chaos.add("/get", Resource(DATA)), filename=name)
    assert outcome.error.code in ("invalid_path", "hidden_path")
    assert harness.names() == []


@pytest.mark.parametrize("destination", ["../x", "/etc/x", "a/../../x", ".hidden/x", "a\0b"])
def test_a_bad_destination_is_refused_before_anything_is_asked(harness, chaos, destination):
    outcome = harness.run(chaos.add("/f", Resource(DATA)), destination)
    assert outcome.error.code in ("invalid_path", "hidden_path")
    assert chaos.requests == []


# ---- redirects and credentials ------------------------------------------------------------------


def test_redirects_are_followed(harness, chaos):
    chaos.add("/a", redirect("/b", 301))
    chaos.add("/b", redirect(f"{chaos.url}/final/f.bin", 307))
    chaos.add("/final/f.bin", Resource(DATA))
    assert harness.run(f"{chaos.url}/a").state == "done"
    assert harness.names() == ["f.bin"]
    # The redirects are resolved once; the parts go straight to where they led.
    assert len(chaos.asked("/a")) == len(chaos.asked("/b")) == 1


def test_a_credential_goes_to_its_origin_only(harness, chaos, certificate):
    from ..servers.chaos import running_chaos

    harness.credential = Credential("u", "p")
    with running_chaos() as other:
        target = other.add("/f", Resource(DATA))
        chaos.add("/same", redirect("/start"))
        outcome = harness.run(chaos.add("/start", redirect(target)))
        assert outcome.state == "done"
        assert all("authorization" in request.headers for request in chaos.requests)
        assert other.requests
        assert all("authorization" not in request.headers for request in other.requests)


def test_netrc_is_found_for_the_host(harness, chaos, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    harness.run(chaos.add("/f", Resource(DATA)))
    assert {r.headers["authorization"] for r in chaos.requests} == {
        Credential("u", "p").authorization()
    }


def test_basic_authentication_of_nginx(harness, nginx):
    (nginx.files / "p.bin").write_bytes(DATA)
    outcome = harness.run(f"{nginx.url}/private/p.bin")
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")
    harness.credential = Credential("u", "p")
    assert harness.run(f"{nginx.url}/private/p.bin").state == "done"
    assert (harness.folder / "p.bin").read_bytes() == DATA


def test_a_locator_that_expires_is_asked_for_anew(harness, chaos):
    """What presigned addresses do: the redirect leads to one that is honoured for a while only."""
    valid = [0]

    def start(connection):
        valid[0] += 1
        redirect(f"/signed{valid[0]}")(connection)

    def signed(number):
        served = [0]

        def answer(connection):
            served[0] += 1
            if served[0] > 6:
                status(403)(connection)
            else:
                Resource(DATA).answer(connection)

        return answer

    for number in range(1, 9):
        chaos.add(f"/signed{number}", signed(number))
    outcome = harness.run(chaos.add("/file.bin", start))
    assert outcome.state == "done"
    assert (harness.folder / "file.bin").read_bytes() == DATA
    assert valid[0] > 2
    assert harness.report.notes == []


# ---- bandwidth ----------------------------------------------------------------------------------


def test_bandwidth_is_shared_by_all_connections_and_can_change(harness, chaos):
    """No timing: with a tiny limit nothing is finished until the limit is lifted."""
    harness.control.bandwidth.rate = 64 << 10
    done = threading.Event()
    source = chaos.add("/f", Resource(DATA))
    thread = threading.Thread(target=lambda: (harness.run(source), done.set()))
    thread.start()
    assert not done.wait(1.5)
    seen = max(counts["bytes_done"] for counts in harness.report.counts)
    # Sixteen kibibytes a read and connection may be ahead of the limit.
    assert seen <= (64 << 10) * 4
    harness.control.bandwidth.rate = None
    assert done.wait(20)
    thread.join()
    assert (harness.folder / "f").read_bytes() == DATA


def test_an_old_part_of_another_source_is_not_used(harness, chaos):
    first = chaos.add("/f", Resource(noise(300_000, 5), faults=[times(99, status(404))]))
    assert harness.run(first).state == "failed"
    assert harness.run(chaos.add("/g", Resource(DATA)), "f").state == "done"
    assert (harness.folder / "f").read_bytes() == DATA
    assert os.listdir(harness.folder) == ["f"]


@pytest.mark.parametrize("name", ["x" * 300 + ".bin", "%E7%A9%BA" * 100 + ".tar.gz"])
def test_a_file_whose_name_was_shortened_is_known_the_second_time(harness, chaos, name):
    url = chaos.add(f"/{name}", Resource(noise(1000)))
    assert harness.run(url).state == "done"
    (path,) = harness.visible()
    assert len(path.encode()) <= 255
    assert harness.run(url, id="again", delivered=harness.delivered(url)).state == "done"
    assert harness.report.files[-1]["state"] == "present"
    assert harness.visible() == [path]
