"""What only S3 has: what moto, which knows most of AWS, shows of objects, versions, copies."""

from __future__ import annotations

from base64 import b64encode

import pytest

from jupyter_transfer.backends import s3changes, s3copy, s3sink
from jupyter_transfer.backends.base import Entry
from jupyter_transfer.backends.sink import SourceFile
from jupyter_transfer.engine.client import opened
from jupyter_transfer.errors import TransferError

from ..servers.chaos import noise
from ..servers.s3 import running_juicefs, running_moto
from .contract_send import Sending
from .test_s3 import S3Site, no_aws  # noqa: F401 - a fixture

DATA = noise(300_000)


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def site(moto):
    return S3Site(moto)


@pytest.fixture
def open_site(harness):
    """Open the backend of an address of a site with more options."""
    from contextlib import contextmanager

    @contextmanager
    def open_(site, name="", **options):
        access = site.access(name)
        with opened(access.address, harness.context({**access.options, **options})) as (backend, t):
            yield backend, t, access.address

    return open_


def send(backend, transport, address, data, **more):
    sink = backend.sink(address, SourceFile(address.rpartition("/")[2], len(data), **more))
    sending = Sending(transport, sink, data)
    for span in sending.pieces(sink.begin(None)):
        sending.send(span)
    return sending.finish()


# ---- reading ------------------------------------------------------------------------------------


def test_markers_are_folders(site, open_site):
    for key in ("d/", "d/e/", "d/e/f.bin", "d/full/"):
        site.client.put_object(Bucket=site.bucket, Key=key, Body=b"x" if key[-1] != "/" else b"")
    with open_site(site, "d/") as (backend, _, address):
        assert [entry.path for entry in backend.entries(address)] == ["e/f.bin"]
        assert sorted(entry.path for entry in backend.browse(address)) == ["e/", "full/"]
        found = backend.find(address.rstrip("/"))
        assert (found.path, found.address) == ("d/", address)


def test_a_key_that_is_also_a_prefix_is_the_object(site, open_site):
    site.put("a", b"object")
    site.put("a/b", b"below")
    with open_site(site, "a") as (backend, _, address):
        assert [entry.path for entry in backend.entries(address)] == ["a"]
        assert [entry.path for entry in backend.entries(address + "/")] == ["b"]


def test_all_buckets(site, open_site):
    with open_site(site) as (backend, _, _address):
        found = {entry.path: entry.address for entry in backend.browse("s3://")}
        assert found[f"{site.bucket}/"] == f"s3://{site.bucket}/"
        with pytest.raises(TransferError) as caught:
            list(backend.entries("s3://"))
        assert caught.value.code == "invalid_address"


def test_listings_of_many_pages(site, open_site):
    names = [f"p/{number:05} é.bin" for number in range(2100)]
    for name in names:
        site.client.put_object(Bucket=site.bucket, Key=name, Body=b"12")
    with open_site(site, "p") as (backend, _, address):
        entries = list(backend.entries(address))
    assert [f"p/{entry.path}" for entry in entries] == names
    assert {entry.size for entry in entries} == {2}
    assert all(entry.mtime_ns and entry.validators.strong for entry in entries)


def test_an_etag_that_is_an_md5_verifies_and_so_does_one_of_parts(site, harness):
    site.put("whole.bin", DATA)
    access = site.access("whole.bin")
    assert harness.run(access.address, **access.options).verified is True
    assert harness.report.files[-1]["digest"].startswith("md5:")

    upload = site.client.create_multipart_upload(Bucket=site.bucket, Key="parts.bin")["UploadId"]
    where = {"Bucket": site.bucket, "Key": "parts.bin", "UploadId": upload}
    etag = site.client.upload_part(**where, PartNumber=1, Body=DATA)["ETag"]
    site.client.complete_multipart_upload(
        **where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    outcome = harness.run(site.access("parts.bin").address, id="two", **access.options)
    assert (outcome.state, outcome.verified) == ("done", True)
    assert harness.report.files[-1]["digest"].startswith(f"s3-etag-{len(DATA)}:")


def test_the_etag_of_an_encrypted_object_is_no_digest(site, harness):
    encryption = {"ServerSideEncryption": "aws:kms"}
    site.client.put_object(Bucket=site.bucket, Key="k.bin", Body=DATA, **encryption)
    access = site.access("k.bin")
    outcome = harness.run(access.address, **access.options)
    assert (outcome.state, outcome.verified) == ("done", None)


def test_the_time_that_a_sender_kept_is_the_time_of_the_file(site, harness):
    metadata = {"mtime": "1500000000.25"}
    site.client.put_object(Bucket=site.bucket, Key="t.bin", Body=b"x", Metadata=metadata)
    access = site.access("t.bin")
    assert harness.run(access.address, **access.options).state == "done"
    assert (harness.folder / "t.bin").stat().st_mtime_ns == 1_500_000_000_250_000_000


def test_a_version(site, harness):
    site.client.put_bucket_versioning(
        Bucket=site.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    first = site.client.put_object(Bucket=site.bucket, Key="v.bin", Body=b"first")["VersionId"]
    site.client.put_object(Bucket=site.bucket, Key="v.bin", Body=b"second")
    access = site.access("v.bin")
    assert harness.run(access.address, **access.options, version=first).state == "done"
    assert (harness.folder / "v.bin").read_bytes() == b"first"
    outcome = harness.run(
        access.address, id="none", **access.options, version="no-such-version-here-at-all"
    )
    assert outcome.state == "failed"
    assert outcome.error.code in ("remote_not_found", "remote_refused")


# ---- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, s3sink.WHOLE + 1])
def test_what_is_said_about_an_object_is_kept(site, open_site, size):
    options = {"storage_class": "STANDARD_IA", "sse": "AES256"}
    with open_site(site, "report.tar.gz", **options) as (backend, transport, address):
        send(backend, transport, address, noise(size), mtime_ns=1_700_000_000_123_456_789)
    head = site.client.head_object(Bucket=site.bucket, Key="report.tar.gz")
    assert head["ContentType"] == "application/gzip"
    assert head["StorageClass"] == "STANDARD_IA"
    assert head["ServerSideEncryption"] == "AES256"
    assert head["Metadata"] == {"mtime": "1700000000.123456789"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "text/csv"),
        ("a.png", "image/png"),
        ("a.unheard-of", "application/octet-stream"),
        ("a.csv.gz", "application/gzip"),
    ],
)
def test_content_types(name, kind):
    assert s3sink.content_type(name) == kind


@pytest.mark.parametrize(
    ("size", "piece"),
    [
        (s3sink.WHOLE + 1, 8 << 20),
        (80_000 << 20, 8 << 20),
        ((80_000 << 20) + 1, 9 << 20),
        (5 << 40, 525 << 20),
        (10_000 * (5 << 30), 5 << 30),
    ],
)
def test_pieces_reach_the_largest_object(size, piece):
    assert s3sink.piece_size(size) == piece
    assert -(-size // piece) <= 10_000


def test_too_large_for_s3():
    with pytest.raises(TransferError) as caught:
        s3sink.piece_size(10_000 * (5 << 30) + 1)
    assert caught.value.code == "too_large"


class Twisted(Sending):
    """What arrives is not what was read from the disk."""

    def __init__(self, *arguments, times):
        super().__init__(*arguments)
        self.times = times

    def send(self, span):
        good = self.data
        if self.times:
            self.times -= 1
            self.data = bytes([good[0] ^ 1]) + good[1:]
        outlet_sent = self.sink.sent

        def sent(span, headers, _digest):
            from .contract_send import digest

            outlet_sent(span, headers, digest("md5", good[slice(*span)]))

        self.sink.sent = sent
        try:
            super().send(span)
        finally:
            self.data = good
            del self.sink.sent


@pytest.mark.parametrize("size", [100, s3sink.WHOLE + 1])
def test_bytes_that_change_on_the_way_are_sent_again(site, open_site, size):
    data = noise(size)
    with open_site(site, "f.bin") as (backend, transport, address):
        sink = backend.sink(address, SourceFile("f.bin", size))
        sending = Twisted(transport, sink, data, times=1)
        spans = sending.pieces(sink.begin(None))
        with pytest.raises(TransferError) as caught:
            sending.send(spans[0])
        assert caught.value.code == "digest_mismatch"
        for span in spans:
            sending.send(span)
        sending.finish()
    assert site.read("f.bin") == data
    assert backend.etag_is_md5 is True


def test_a_service_whose_etags_are_no_digests(site, open_site):
    with open_site(site, "f.bin") as (backend, transport, address):
        sink = backend.sink(address, SourceFile("f.bin", 100))
        sending = Twisted(transport, sink, noise(100), times=2)
        sink.begin(None)
        with pytest.raises(TransferError):
            sending.send((0, 100))
        sending.send((0, 100))
        assert backend.etag_is_md5 is False


# ---- changes within the service -----------------------------------------------------------------


@pytest.mark.parametrize("at_once", [5 << 30, 1000])
def test_copying(site, open_site, monkeypatch, at_once):
    monkeypatch.setattr(s3copy, "COPY_AT_ONCE", at_once)
    monkeypatch.setattr(s3copy, "COPY_PIECE", 5 << 20)
    data = noise(11 << 20)
    site.client.put_object(
        Bucket=site.bucket, Key="a b.csv", Body=data, ContentType="text/csv", Metadata={"k": "v"}
    )
    with open_site(site, "a b.csv") as (backend, _, address):
        (entry,) = backend.entries(address)
        copy = backend.copy(entry, f"s3://{site.bucket}/copies/é.csv")
    assert (copy.path, copy.size) == ("é.csv", len(data))
    assert site.read("copies/é.csv") == data
    head = site.client.head_object(Bucket=site.bucket, Key="copies/é.csv")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"k": "v"})
    assert site.leftovers() == []


@pytest.mark.parametrize("at_once", [5 << 30, 10])
def test_a_copy_of_what_has_changed_is_refused(site, open_site, monkeypatch, at_once):
    monkeypatch.setattr(s3copy, "COPY_AT_ONCE", at_once)
    site.put("a.bin", b"listed and known")
    with open_site(site, "a.bin") as (backend, _, address):
        (entry,) = backend.entries(address)
        site.put("a.bin", b"changed since")
        with pytest.raises(TransferError) as caught:
            backend.copy(entry, f"s3://{site.bucket}/b.bin")
    assert caught.value.code == "remote_changed"
    assert (site.read("b.bin"), site.leftovers()) == (None, [])


def test_deleting_many_with_odd_keys(site, open_site):
    keys = [f"d/{number}" for number in range(1100)] + ["d/é+ %41.bin"]
    for key in keys:
        site.client.put_object(Bucket=site.bucket, Key=key, Body=b"")
    with open_site(site, "d/") as (backend, _, address):
        entries = list(backend.entries(address))
        assert len(entries) == len(keys)
        assert backend.delete(entries) == [None] * len(keys)
        assert list(backend.entries(address)) == []
        lost = Entry("x", "s3://no-such-bucket-here/x")
        (error,) = backend.delete([lost])
        assert error is None or error.code in ("remote_not_found", "remote_refused")


def test_keys_that_xml_cannot_hold_are_deleted_alone():
    places = [("b", "1"), ("b", "new\nline"), ("b", "2"), ("b", "3"), ("c", "4")]
    assert list(s3changes._groups(places)) == [[0], [1], [2, 3], [4]]


def test_deleting_where_bulk_requests_are_refused(tmp_path, open_site):
    with running_juicefs(tmp_path) as server:
        site = S3Site(server)
        for number in range(3):
            site.put(f"{number}.bin", b"x")
        with open_site(site) as (backend, _, address):
            assert backend.delete(list(backend.entries(address))) == [None] * 3
            assert backend.bulk_delete is False
        assert site.names() == []


def test_a_customer_key_travels_in_headers_of_every_request(site, open_site):
    key = b64encode(bytes(range(32))).decode()
    with open_site(site, "f.bin", sse_customer_key=key) as (backend, _, address):
        locator = backend.locate(Entry("f.bin", address))
        outlet = backend.sink(address, SourceFile("f.bin", 10)).outlet((0, 10))
    for headers, url in ((locator.headers, locator.url), (outlet.headers, outlet.url)):
        assert headers["x-amz-server-side-encryption-customer-key"] == key
        assert "customer-key" in url.partition("SignedHeaders=")[2]
        assert key not in url
        assert key not in repr(locator) + repr(outlet)


def test_the_one_who_asks_pays(site, open_site):
    with open_site(site, "f.bin", requester_pays=True) as (backend, _, address):
        assert "x-amz-request-payer=requester" in backend.locate(Entry("f.bin", address)).url
        outlet = backend.sink(address, SourceFile("f.bin", 10)).outlet((0, 10))
        assert outlet.headers["x-amz-request-payer"] == "requester"


# ---- sending by jobs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("what?/", "what?/f.bin"),
        ("a#b/c?d/", "a#b/c?d/f.bin"),
        ("dir/?x", "dir/?x"),
        ("dir/#1", "dir/#1"),
        ("dir/", "dir/f.bin"),
    ],
)
def test_where_one_file_goes(site, harness, name, key):
    """“?” and “#” are characters of a key like any other."""
    (harness.folder / "f.bin").write_bytes(DATA)
    access = site.access(name)
    assert harness.run("f.bin", access.address, kind="send", **access.options).state == "done"
    assert site.names() == [key]
