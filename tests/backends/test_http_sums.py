"""Checksum files as the usual programs write them, digests as people write them, Metalinks."""

from __future__ import annotations

import hashlib
import subprocess
from base64 import b64encode

import pytest

from jupyter_transfer.backends.base import Digest
from jupyter_transfer.backends.http_checksums import read_wish
from jupyter_transfer.backends.http_metalink import (
    described_in,
    mirrors_in,
    read_metalink,
)
from jupyter_transfer.backends.http_sums import make_digest, read_sums, read_value
from jupyter_transfer.errors import TransferError
from jupyter_transfer.net import parse_url

DATA = b"hello"
SHA = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()
SHA512 = hashlib.sha512(DATA).hexdigest()
BLAKE = hashlib.blake2b(DATA).hexdigest()
BASE = parse_url("https://h.example/d/f.bin", ("https",))
NAMES = ["a.bin", "with space", "back\\slash", "new\nline", "(brackets) = x", "数据", "*star"]


@pytest.mark.parametrize("program", ["sha256sum", "sha512sum", "md5sum", "sha1sum", "b2sum"])
@pytest.mark.parametrize("arguments", [[], ["-b"], ["--tag"]])
def test_what_coreutils_write(tmp_path, program, arguments):
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_bytes(b"b")
    paths = [f"./{name}" for name in NAMES] + ["sub/b"]
    command = [program, *arguments, *paths]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    algorithm = {"md5sum": "md5", "b2sum": "blake2b"}.get(program, program.removesuffix("sum"))
    sums = read_sums(run.stdout.decode(), "B2SUMS" if program == "b2sum" else "")
    for name in NAMES:
        assert sums.of(name) == Digest(algorithm, hashlib.new(algorithm, name.encode()).hexdigest())
    assert sums.of("sub/b") == Digest(algorithm, hashlib.new(algorithm, b"b").hexdigest())


def test_what_openssl_writes(tmp_path):
    (tmp_path / "f").write_bytes(DATA)
    run = subprocess.run(["openssl", "sha256", "f"], cwd=tmp_path, capture_output=True, check=True)
    assert read_sums(run.stdout.decode()).of("f") == Digest("sha256", SHA)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{SHA}  f\r\n", True),
        (f"{SHA.upper()} *f\n", True),
        (f"{SHA}\tf", True),
        (f"# comment\n\n{SHA}  f\n", True),
        (f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSHA256 (f) = {SHA}\n", True),
        (f"{SHA}  other\n", False),
        (f"{SHA[:-1]}  f\n", False),
        (f"{SHA}f\n", False),
        (f"SHA256 (f) = {MD5}\n", False),
        (f"SHA256 (f) {SHA}\n", False),
        ("<html><body>not found</body></html>", False),
        ("", False),
    ],
)
def test_lines(text, found):
    assert read_sums(text).of("f") == (Digest("sha256", SHA) if found else None)


def test_the_stronger_digest_of_two_counts():
    for text in (f"{MD5}  f\n{SHA}  f\n", f"{SHA}  f\n{MD5}  f\n"):
        assert read_sums(text).of("f").algorithm == "sha256"


def test_a_digest_alone_belongs_to_the_one_file():
    assert read_sums(f"{SHA}\n").of_one("f") == Digest("sha256", SHA)
    assert read_sums(f"{SHA}\n{MD5}\n").of_one("f") is None
    assert read_sums(f"{SHA}  g\n").of_one("f") is None
    assert read_sums(f"{SHA}  /build/out/f\n").of_one("f") == Digest("sha256", SHA)
    assert read_sums(f"{SHA}  a/f\n{MD5}  b/f\n").of_one("f") is None


@pytest.mark.parametrize(
    ("name", "value", "algorithm"),
    [
        ("SHA-256", SHA, "sha256"),
        ("sha2-256", SHA, "sha256"),
        ("SHA", hashlib.sha1(DATA).hexdigest(), "sha1"),
        ("SHA3-256", hashlib.sha3_256(DATA).hexdigest(), "sha3_256"),
        ("BLAKE2b", BLAKE, "blake2b"),
        ("crc32c", "e3069283", "crc32c"),
        ("MD5", MD5.upper(), "md5"),
    ],
)
def test_usual_names_of_algorithms(name, value, algorithm):
    assert make_digest(name, value) == Digest(algorithm, value.lower())


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (f"sha256:{SHA}", Digest("sha256", SHA)),
        (f" SHA-512={SHA512} ", Digest("sha512", SHA512)),
        (SHA, Digest("sha256", SHA)),
        (MD5, Digest("md5", MD5)),
        (f"blake2b:{BLAKE}", Digest("blake2b", BLAKE)),
        (
            "sha256-" + b64encode(hashlib.sha256(DATA).digest()).decode(),
            Digest("sha256", SHA),
        ),
        (f"sha256:{MD5}", None),
        ("sha256:xyz", None),
        ("shake_128:" + MD5, None),
        ("nonsense:" + MD5, None),
    ],
)
def test_digests_as_people_write_them(text, digest):
    assert read_value(text) == digest


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (None, "stated"),
        ("auto", "auto"),
        ("off", "off"),
        (SHA, "digest"),
        ("SHA256SUMS", "address"),
        ("f.bin.sha256", "address"),
        ("https://h/sums", "address"),
    ],
)
def test_wishes(text, mode):
    assert read_wish(text).mode == mode


@pytest.mark.parametrize("text", ["sha256:xyz1", "sha256:abcd", "nonsense", SHA + "ab", "on"])
def test_wishes_that_mean_nothing(text):
    with pytest.raises(TransferError) as caught:
        read_wish(text)
    assert caught.value.code == "bad_request"


# ---- Metalinks ----------------------------------------------------------------------------------


def metalink(files):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<metalink xmlns="urn:ietf:params:xml:ns:metalink">{files}</metalink>'
    ).encode()


def test_a_metalink():
    (file,) = read_metalink(
        metalink(
            f"""<file name="f.iso"><size>5</size><hash type="md5">{MD5}</hash>
            <hash type="sha-256">{SHA}</hash>
            <pieces length="4" type="sha-1"><hash>{"a" * 40}</hash><hash>{"B" * 40}</hash></pieces>
            <url location="de">ftp://x/f</url><url>http://third/f</url>
            <url priority="2">http://second/f</url><url priority="1">first.iso</url>
            <url>http://third/f</url><url>javascript:x</url><url/></file>"""
        ),
        parse_url("http://h.example/d/f.meta4", ("http",)),
    )
    assert file.name == "f.iso"
    assert file.urls == ("http://h.example/d/first.iso", "http://second/f", "http://third/f")
    assert (file.size, file.digest) == (5, Digest("sha256", SHA))
    assert (file.pieces.length, file.pieces.algorithm) == (4, "sha1")
    assert file.pieces.values == ("a" * 40, "b" * 40)
    assert file.locator().mirrors == file.urls[1:]


def test_without_a_digest_there_are_no_mirrors():
    (file,) = read_metalink(
        metalink('<file name="f"><url>https://a/f</url><url>https://b/f</url></file>'), BASE
    )
    assert file.locator().mirrors == ()


def test_from_https_no_mirror_is_plain():
    files = read_metalink(metalink('<file name="f"><url>http://a/f</url></file>'), BASE)
    assert files == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<metalink>",
        b"<html></html>",
        b'<metalink xmlns="http://www.metalinker.org/"></metalink>',
        (
            b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
            b'<metalink xmlns="urn:ietf:params:xml:ns:metalink">&b;</metalink>'
        ),
        (
            b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
            b'<metalink xmlns="urn:ietf:params:xml:ns:metalink">&a;</metalink>'
        ),
    ],
)
def test_what_is_no_metalink(body):
    with pytest.raises(TransferError) as caught:
        read_metalink(body, BASE)
    assert caught.value.code == "remote_lied"


def test_pieces_that_make_no_sense_are_dropped():
    for pieces in (
        '<pieces length="0" type="sha-1"><hash>x</hash></pieces>',
        '<pieces length="4" type="sha-1"></pieces>',
        '<pieces length="4" type="nonsense"><hash>aa</hash></pieces>',
    ):
        body = metalink(f'<file name="f">{pieces}<url>https://a/f</url></file>')
        assert read_metalink(body, BASE)[0].pieces is None


@pytest.mark.parametrize(
    ("header", "mirrors"),
    [
        ("<https://b/f>; rel=duplicate", ("https://b/f",)),
        (
            '<https://b/f>; rel=duplicate; pri=2; geo=gb, <https://a/f>; rel="duplicate"; pri=1',
            ("https://a/f", "https://b/f"),
        ),
        ('<https://a/f,g;h>; title="x, <y>; rel=no"; rel=duplicate', ("https://a/f,g;h",)),
        ("</other/f>; rel=duplicate", ("https://h.example/other/f",)),
        ("<https://h.example/d/f.bin>; rel=duplicate", ()),
        ("<https://b/f>; rel=next", ()),
        ("<http://plain/f>; rel=duplicate", ()),
        ("<file:///etc/passwd>; rel=duplicate", ()),
        ("nonsense, <, >; rel=duplicate", ()),
        ("<" * 100_000, ()),
        ("", ()),
    ],
)
def test_mirrors_in_link_headers(header, mirrors):
    assert mirrors_in(header, BASE) == mirrors


def test_the_metalink_that_a_header_names():
    header = (
        '<f.sig>; rel=describedby, <f.meta4>; rel=describedby; type="application/metalink4+xml"'
    )
    assert described_in(header, BASE) == "https://h.example/d/f.meta4"
    assert described_in("<f.meta4>; rel=describedby", BASE) is None
