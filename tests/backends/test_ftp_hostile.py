"""FTP servers that mean harm, or know no better."""

from __future__ import annotations

import time

import pytest

from jupyter_transfer.backends.sink import Gone, SourceFile
from jupyter_transfer.engine.client import opened
from jupyter_transfer.errors import TransferError

from ..servers.chaos import Resource
from ..servers.ftplines import running_ftp_lines


@pytest.fixture
def ftp():
    with running_ftp_lines() as server:
        yield server


def listing(*lines: str) -> bytes:
    return "".join(line + "\r\n" for line in lines).encode("utf-8", "surrogateescape")


def test_the_server_of_the_tests_is_a_server(harness, ftp):
    ftp.files["d/f.bin"] = b"data"
    ftp.listing = lambda _: listing("type=file;size=4;modify=20200102030405; f.bin")
    outcome = harness.run(ftp.address("d/"), ".")
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["f.bin"]


def test_the_only_file_of_a_tree_keeps_its_folder(harness, ftp):
    ftp.files["d/s/f.bin"] = b"data"
    ftp.listing = lambda folder: listing(
        "type=file;size=4; f.bin" if folder.strip("/") == "d/s" else "type=dir; s"
    )
    outcome = harness.run(ftp.address("d/"), ".")
    assert (outcome.state, outcome.error) == ("done", None)
    assert harness.names() == ["s/f.bin"]


def test_many_files_come_over_one_login(harness, ftp):
    names = [f"f{number}.bin" for number in range(6)]
    ftp.files = {f"d/{name}": name.encode() * 1000 for name in names}
    ftp.listing = lambda _: listing(*(f"type=file;size=6000; {name}" for name in names))
    assert harness.run(ftp.address("d/"), ".").state == "done"
    assert harness.names() == names
    assert sum(line.startswith("USER") for line in ftp.heard) <= 2


@pytest.mark.parametrize("where", ["banner", "answer"])
def test_lines_that_look_like_http_lead_nowhere(harness, ftp, chaos, where):
    trap = chaos.add("/trap", Resource(b"trapped"))
    head = f"HTTP/1.1 302 Found\r\nLocation: {trap}\r\n\r\n"
    ftp.files["f.bin"] = b"data"
    ftp.listing = lambda _: listing("type=file;size=4; f.bin")
    if where == "banner":
        ftp.banner = "220-" + head.replace("\r\n", "\r\n220-") + "\r\n" + head + "220 ready"
    else:
        ftp.before = lambda verb, _: head + "200 ok" if verb == "TYPE" else None
    harness.run(ftp.address(), ".")
    harness.run(ftp.address("f.bin"), id="two")
    assert chaos.sent() == 0
    assert b"trapped" not in [
        path.read_bytes() for path in harness.folder.iterdir() if path.is_file()
    ]


@pytest.mark.parametrize("line", ["HTTP/", "HTTP/1.1", "HTTP/1.1 x", ": ", ""])
def test_lines_that_look_like_half_a_head(harness, ftp, line, capfd):
    ftp.files["f.bin"] = b"data"
    ftp.banner = f"220-{line}\r\n{line}\r\n220 ready"
    harness.run(ftp.address("f.bin"))
    assert "Traceback" not in capfd.readouterr().err


def test_a_tree_without_an_end(harness, ftp):
    ftp.listing = lambda _: listing("type=dir; d")
    began = time.monotonic()
    outcome = harness.run(ftp.address(), ".")
    assert outcome.state == "failed"
    assert outcome.error.code == "remote_lied"
    assert time.monotonic() - began < 30


def test_hostile_names_ask_for_nothing_else_and_lead_nowhere(harness, ftp):
    names = [
        "../up.bin",
        "/etc/passwd",
        "a/b.bin",
        "..",
        ".",
        "",
        "x\0y",
        "n" * 300,
        "\udcff\udcfe.bin",
    ]
    ftp.files = {"d/good.bin": b"good", "up.bin": b"up", "/etc/passwd": b"root", "d/a/b.bin": b"b"}
    ftp.files["d/\udcff\udcfe.bin"] = b"bytes"
    ftp.files["d/" + "n" * 300] = b"long"
    ftp.listing = lambda _: listing(*(f"type=file;size=4; {name}" for name in [*names, "good.bin"]))
    harness.run(ftp.address("d/"), ".")
    assert (harness.folder / "good.bin").read_bytes() == b"good"
    asked = [line.partition(" ")[2] for line in ftp.heard if line.startswith(("RETR", "SIZE"))]
    assert [path for path in asked if ".." in path or "passwd" in path] == []
    assert not (harness.folder.parent / "up.bin").exists()
    told = [row["error"]["code"] for row in harness.report.files if row["error"]]
    assert told.count("invalid_path") >= 4


def test_a_data_connection_elsewhere_is_not_made(harness, ftp):
    def before(verb, _):
        if verb == "EPSV":
            return "500 unknown"
        return "227 go on (169,254,169,254,0,80)" if verb == "PASV" else None

    ftp.files["f.bin"] = b"data"
    ftp.before = before
    outcome = harness.run(ftp.address("f.bin"))
    assert outcome.state == "failed"


def test_epsv_that_names_a_host(harness, ftp):
    ftp.files["f.bin"] = b"data"
    ftp.before = lambda verb, _: "229 go on (|1|169.254.169.254|80|)" if verb == "EPSV" else None
    assert harness.run(ftp.address("f.bin")).state == "failed"


def test_a_file_that_is_shorter_than_it_was_said_to_be(harness, ftp):
    ftp.files["f.bin"] = b"data"
    ftp.before = lambda verb, _: "213 4000" if verb == "SIZE" else None
    outcome = harness.run(ftp.address("f.bin"))
    assert outcome.state == "failed"
    assert harness.visible() == []


def test_a_password_is_asked_for_once(harness, ftp):
    ftp.before = lambda verb, _: "530 no" if verb == "PASS" else None
    outcome = harness.run(ftp.address("f.bin"), username="ann", password="wrong-canary")
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")
    assert sum(line.startswith("PASS") for line in ftp.heard) == 1


# ---- sending ----------------------------------------------------------------------------------


def test_a_part_that_cannot_be_removed_is_told(harness, ftp):
    ftp.files["d/.f.1.part"] = b"half"
    ftp.before = lambda verb, _: "550 no" if verb == "DELE" else None
    address = ftp.address("d/f")
    with opened(address, harness.context({})) as (backend, _):
        sink = backend.sink(address, SourceFile("f", 8))
        sink.begin({"part": ftp.address("d/.f.1.part"), "before": None})
        with pytest.raises(TransferError):
            sink.abort()
        del ftp.files["d/.f.1.part"]
        sink.abort()


@pytest.mark.parametrize("before", [None, {"size": 8, "mtime_ns": 1_577_934_245_000_000_000}])
def test_what_was_finished_is_found_where_times_cannot_be_set(harness, ftp, before):
    ftp.files["d/f"] = b"12345678"
    address = ftp.address("d/f")
    with opened(address, harness.context({})) as (backend, _):
        sink = backend.sink(address, SourceFile("f", 8, mtime_ns=time.time_ns()))
        with pytest.raises(Gone):
            sink.begin({"part": ftp.address("d/.f.1.part"), "before": before})
        if before is None:
            assert sink.finish([]).size == 8
        else:  # it is what stood there before
            with pytest.raises(TransferError) as caught:
                sink.finish([])
            assert caught.value.code == "gone"
