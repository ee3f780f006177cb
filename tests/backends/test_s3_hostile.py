"""S3 and what may go wrong: bad addresses and options, services that lie, credentials that fail,
endpoints that lead elsewhere. The service is a chaos server here, or a real one."""

from __future__ import annotations

import json
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from jupyter_transfer.backends import s3client
from jupyter_transfer.backends.base import Context, Entry
from jupyter_transfer.backends.s3 import S3Backend, split
from jupyter_transfer.backends.s3listing import pages, read_page
from jupyter_transfer.backends.s3objects import (
    customer_key,
    digest_of_head,
    kept_mtime_ns,
    stated_by,
    written_mtime,
)
from jupyter_transfer.backends.sink import SourceFile
from jupyter_transfer.engine.client import opened
from jupyter_transfer.errors import TransferError
from jupyter_transfer.net import Policy

from ..servers.chaos import Resource, noise, redirect, status
from ..servers.s3 import KEY, SECRET, running_rclone
from ..servers.worker import WorkerProcess, run_message
from .test_s3 import S3Site, no_aws  # noqa: F401 - a fixture

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
TOKEN = "canary-session-token/0123456789"


def error_code(act, *arguments):
    with pytest.raises(TransferError) as caught:
        act(*arguments)
    return caught.value.code


# ---- addresses and options ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("S3://bucket/a%20b c?d#e", ("bucket", "a%20b c?d#e")),
        ("s3://bucket//abs", ("bucket", "/abs")),
        ("s3://bucket/../x", ("bucket", "../x")),
        ("s3://bucket/a\nb\\c", ("bucket", "a\nb\\c")),
        ("s3://arn:aws:s3:eu-west-1:123456789012:accesspoint", None),
        ("s3://b", None),
        ("s3:///key", None),
        ("s3://bu cket/x", None),
        ("s3://user@host/x", None),
        ("s3://-bucket/x", None),
        ("s3://bucket/" + "é" * 513, None),
        ("http://bucket/x", None),
    ],
)
def test_addresses(address, place):
    if place is None and not address.startswith("s3://arn"):
        assert error_code(split, address) == "invalid_address"
    elif place is not None:
        assert split(address) == place


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"endpoint": "http://169.254.169.254/"}, "address_refused"),
        ({"endpoint": "http://127.0.0.1:9000"}, "address_refused"),
        ({"endpoint": "minio:9000"}, "bad_request"),
        ({"endpoint": "file:///etc/passwd"}, "unsupported_scheme"),
        ({"endpoint": "https://u:p@h/"}, "invalid_address"),
        ({"access_key_id": "AK"}, "needs_credentials"),
        ({"secret_access_key": "SK"}, "bad_request"),
        ({"addressing": "sideways"}, "bad_request"),
        ({"sse_customer_key": "short"}, "bad_request"),
        ({"anonymous": "yes"}, "bad_request"),
    ],
)
def test_check_finds_what_needs_no_network(options, code):
    assert error_code(S3Backend(Context(options)).check, "s3://bucket/key") == code


def test_keys_are_not_encoded_in_addresses():
    backend = S3Backend(Context())
    assert backend.join("s3://b-b", "a b%") == "s3://b-b/a b%"
    assert backend.join("s3://b-b/d/", "é") == "s3://b-b/d/é"
    assert backend.name_for("s3://b-b/d/50%25.bin") == "50%25.bin"


# ---- listings -----------------------------------------------------------------------------------


def listing(*keys, more="", encoded=True):
    found = "".join(
        f"<Contents><Key>{key}</Key><Size>3</Size><ETag>&quot;{MD5}&quot;</ETag>"
        "<LastModified>2026-01-02T03:04:05.000Z</LastModified><Owner><ID>x</ID></Owner></Contents>"
        for key in keys
    )
    coding = "<EncodingType>url</EncodingType>" if encoded else ""
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    truncated = "true" if more else "false"
    return (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>b</Name>{coding}<IsTruncated>{truncated}</IsTruncated>{token}{found}"
        "</ListBucketResult>"
    ).encode()


def test_a_page():
    page = read_page(listing("a%20b+c", "%E6%95%B0", more="t"))
    assert [found["Key"] for found in page.objects] == ["a b c", "数"]
    assert page.objects[0]["ETag"] == f'"{MD5}"'
    assert page.token == "t"
    assert read_page(listing("a%20b", encoded=False)).objects[0]["Key"] == "a%20b"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<html><body>login here</body></html>",
        listing("a")[:-5],
        listing("a").replace(b"<IsTruncated>false", b"<IsTruncated>true"),
        b'<!DOCTYPE x [<!ENTITY e "boom">]><ListBucketResult>&e;</ListBucketResult>',
        b'<!DOCTYPE x SYSTEM "http://h/x.dtd"><ListBucketResult/>',
    ],
    ids=["empty", "text", "html", "cut", "no-token", "entity", "dtd"],
)
def test_a_listing_that_makes_no_sense(body):
    assert error_code(read_page, body) == "remote_lied"


def test_a_listing_without_an_end():
    body = listing("a", more="same")
    assert error_code(list, pages(lambda query: body, "")) == "remote_lied"


@pytest.fixture
def service(chaos):
    """A chaos server that answers to a bucket; `act` is what it does with a request."""

    class Service:
        server = chaos

        def __init__(self):
            self.options = {
                "endpoint": chaos.url,
                "access_key_id": KEY,
                "secret_access_key": SECRET,
                "session_token": TOKEN,
                "region": "us-east-1",
            }

        def answer(self, code, body=b"", path="/bucket/", **headers):
            fields = {name.replace("_", "-"): value for name, value in headers.items()}

            def act(connection):
                sent = body if connection.request.method != "HEAD" else b""
                connection.head(code, {**fields, "Content-Length": str(len(sent))})
                connection.body(sent)

            chaos.add(path, act)

        def refuse(self, code, s3_code, path="/bucket/", extra=""):
            text = f"<Error><Code>{s3_code}</Code><Message>no {TOKEN}</Message>{extra}</Error>"
            self.answer(code, text.encode(), path, Content_Type="application/xml")

    return Service()


def test_keys_that_were_not_asked_for_are_left_out(service, harness):
    service.answer(200, listing("p/a", "q/b", "p/../../up"))
    with opened("s3://bucket/p/", harness.context(service.options)) as (backend, _):
        assert [entry.path for entry in backend.entries("s3://bucket/p/")] == ["a", "../../up"]
    assert harness.run("s3://bucket/p/", "in/", **service.options).state == "failed"
    outside = [path for path in harness.folder.parent.iterdir() if path != harness.folder]
    assert "up" not in [path.name for path in outside]


# ---- what a service refuses ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status_code", "s3_code", "code"),
    [
        (403, "SignatureDoesNotMatch", "needs_credentials"),
        (403, "InvalidAccessKeyId", "needs_credentials"),
        (400, "ExpiredToken", "needs_credentials"),
        (400, "InvalidToken", "needs_credentials"),
        (403, "AccessDenied", "remote_forbidden"),
        (404, "NoSuchBucket", "remote_not_found"),
        (400, "AuthorizationHeaderMalformed", "remote_refused"),
        (301, "PermanentRedirect", "remote_refused"),
        (403, "RequestTimeTooSkewed", "remote_refused"),
        (403, "InvalidObjectState", "remote_forbidden"),
        (418, "Teapot", "remote_refused"),
        (204, "", "remote_refused"),
    ],
)
def test_refusals(service, harness, status_code, s3_code, code, caplog):
    service.refuse(status_code, s3_code, extra="<Region>eu-west-1</Region>")
    service.refuse(status_code, s3_code, path="/bucket/f.bin")
    for address in ("s3://bucket/d/", "s3://bucket/f.bin"):
        service.refuse(status_code, s3_code, extra="<Region>eu-west-1</Region>")
        outcome = harness.run(address, **service.options)
        assert outcome.error.code == code, address
        told = json.dumps(outcome.error.as_dict()) + caplog.text + str(harness.report)
        assert SECRET not in told
        assert TOKEN not in told or s3_code == "Teapot"
    if s3_code == "AuthorizationHeaderMalformed":
        assert "eu-west-1" in outcome.error.message


@pytest.mark.parametrize("code", [500, 503])
def test_what_fails_in_passing_is_tried_again(service, harness, monkeypatch, code):
    monkeypatch.setattr(s3client, "_FIRST_WAIT", 0.001)
    answers = [status(code), status(code)]

    def act(connection):
        if answers:
            answers.pop()(connection)
            return
        body = listing("a")
        connection.head(200, {"Content-Length": str(len(body))})
        connection.body(body)

    service.server.add("/bucket/", act)
    with opened("s3://bucket/", harness.context(service.options)) as (backend, _):
        assert [entry.path for entry in backend.entries("s3://bucket/")] == ["a"]


def test_a_service_that_stays_busy(service, harness, monkeypatch):
    monkeypatch.setattr(s3client, "_FIRST_WAIT", 0.001)
    service.refuse(503, "SlowDown")
    outcome = harness.run("s3://bucket/", **service.options)
    assert (outcome.error.code, outcome.error.retryable) == ("remote_busy", True)
    assert len(service.server.requests) == s3client.ATTEMPTS


def test_a_job_is_stopped_between_two_attempts(service, harness, monkeypatch):
    monkeypatch.setattr(s3client, "_FIRST_WAIT", 5.0)
    service.refuse(503, "SlowDown")
    timer = threading.Timer(0.3, harness.control.cancel)
    timer.start()
    begun = time.monotonic()
    assert harness.run("s3://bucket/", **service.options).state == "cancelled"
    assert time.monotonic() - begun < 2
    timer.join()


@pytest.mark.parametrize("address", ["s3://bucket/d/", "s3://bucket/f.bin"])
def test_no_credentials_at_all(harness, chaos, address):
    outcome = harness.run(address, endpoint=chaos.url)
    assert (outcome.state, outcome.error.code) == ("waiting", "needs_credentials")
    assert chaos.requests == []


def test_a_profile_that_is_not_there(harness, chaos):
    outcome = harness.run("s3://bucket/", endpoint=chaos.url, profile="nobody")
    assert outcome.error.code == "needs_credentials"


def test_a_profile_with_a_key(harness, service, tmp_path):
    (tmp_path / "credentials").write_text(
        f"[mine]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    service.answer(200, listing("a"))
    context = harness.context({"endpoint": service.server.url, "profile": "mine"})
    with opened("s3://bucket/", context) as (backend, _):
        assert [entry.path for entry in backend.entries("s3://bucket/")] == ["a"]
    assert KEY in service.server.requests[0].path


# ---- addresses that may not be called -----------------------------------------------------------


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/", "http://[fd00:ec2::254]/x"])
def test_an_endpoint_that_redirects_to_metadata(service, harness, target):
    for path in ("/bucket/", "/bucket/f.bin"):
        service.server.add(path, redirect(target, 307))
    outcome = harness.run("s3://bucket/", **service.options)
    assert outcome.error.code == "remote_refused"  # a listing follows no redirect at all
    outcome = harness.run("s3://bucket/f.bin", **service.options)
    assert outcome.error.code in ("remote_refused", "address_refused")


def test_data_that_redirect_to_metadata(service, harness):
    service.answer(200, b"", "/bucket/f.bin", ETag=f'"{MD5}"')
    head = service.server.resources["/bucket/f.bin"]

    def act(connection):
        if connection.request.method == "HEAD":
            head(connection)
        else:
            redirect("http://169.254.169.254/latest/")(connection)

    service.server.add("/bucket/f.bin", act)
    outcome = harness.run("s3://bucket/f.bin", **service.options)
    assert outcome.error.code == "address_refused"


def test_a_name_that_leads_to_loopback(harness, chaos):
    harness.policy = Policy()
    options = {"access_key_id": KEY, "secret_access_key": SECRET, "region": "us-east-1"}
    endpoint = chaos.url.replace("127.0.0.1", "localhost")
    for address in ("s3://bucket/", "s3://bucket/f.bin"):
        outcome = harness.run(address, endpoint=endpoint, **options)
        assert outcome.error.code == "address_refused"
    assert chaos.requests == []


def test_the_endpoint_of_the_environment_is_judged_too(harness, chaos, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://169.254.169.254/")
    options = {"access_key_id": KEY, "secret_access_key": SECRET, "region": "us-east-1"}
    assert harness.run("s3://bucket/f.bin", **options).error.code == "address_refused"


# ---- Amazon's own service, played by a proxy ----------------------------------------------------


@pytest.fixture
def amazon(chaos, monkeypatch):
    """A chaos server that the environment names as the proxy for amazonaws.com."""
    monkeypatch.setenv("http_proxy", chaos.url)
    return chaos


def test_the_region_of_a_bucket_is_found(amazon, harness):
    host = "http://s3.amazonaws.com"

    def act(connection):
        if connection.request.method == "HEAD":
            fields = {"x-amz-bucket-region": "eu-west-3", "Content-Length": "0"}
            connection.head(301, fields)
            return
        body = listing("a")
        connection.head(200, {"Content-Length": str(len(body))})
        connection.body(body)

    for path in ("/bucket", "/bucket/"):
        amazon.add(host + path, act)
    options = {"endpoint": host, "access_key_id": KEY, "secret_access_key": SECRET}
    with opened("s3://bucket/", harness.context(options)) as (backend, _):
        assert [entry.path for entry in backend.entries("s3://bucket/")] == ["a"]
    query = parse_qs(urlsplit(amazon.requests[-1].path).query)
    assert "/eu-west-3/s3/" in query["X-Amz-Credential"][0]


# ---- signing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"endpoint": "https://oss-cn-hangzhou.aliyuncs.com"}, "https://bucket.oss-cn-hangzhou."),
        ({"endpoint": "https://minio.example:9000"}, "https://minio.example:9000/bucket/"),
        ({"endpoint": "https://h.example", "addressing": "virtual"}, "https://bucket.h.example/"),
        ({"region": "eu-west-1"}, "https://bucket.s3.eu-west-1.amazonaws.com/"),
        (
            {"region": "eu-west-1", "addressing": "path"},
            "https://s3.eu-west-1.amazonaws.com/bucket/",
        ),
        ({"region": "cn-north-1"}, "https://bucket.s3.cn-north-1.amazonaws.com.cn/"),
    ],
)
def test_where_a_bucket_is(harness, options, start):
    options = {"access_key_id": KEY, "secret_access_key": SECRET, **options}
    with opened("s3://bucket/k", harness.context(options)) as (backend, _):
        url = backend.locate(Entry("k", "s3://bucket/a b/é+%41?#.bin")).url
    assert url.startswith(start)
    assert urlsplit(url).path.endswith("/a%20b/%C3%A9%2B%2541%3F%23.bin")


def test_a_bucket_with_dots_stands_in_the_path(harness):
    options = {"access_key_id": KEY, "secret_access_key": SECRET, "region": "eu-west-1"}
    with opened("s3://my.dotted.bucket/k", harness.context(options)) as (backend, _):
        url = backend.locate(Entry("k", "s3://my.dotted.bucket/k")).url
    assert url.startswith("https://s3.eu-west-1.amazonaws.com/my.dotted.bucket/k?")


def test_parts_are_asked_for_by_their_etag(service, harness):
    data = noise(300_000)
    fine = Resource(data, etag='"v-1"')

    def act(connection):
        if connection.request.method == "HEAD":
            connection.head(200, {**fine.common(), "Content-Length": str(len(data))})
        else:
            fine(connection)

    service.server.add("/bucket/f.bin", act)
    assert harness.run("s3://bucket/f.bin", **service.options).state == "done"
    asked = [r for r in service.server.asked("/bucket/f.bin") if r.byte_range]
    assert {r.headers.get("if-match") for r in asked if not r.is_probe} == {'"v-1"'}
    assert not any("authorization" in r.headers for r in asked)


def test_boto3_opens_no_connection(tmp_path, harness, monkeypatch):
    from botocore.httpsession import URLLib3Session

    with running_rclone(tmp_path) as server:
        site = S3Site(server)
        site.put("d/f.bin", b"x")
        site.put("g.bin", b"y")
        access = site.access()

        def send(*_):
            raise AssertionError("a connection past the address policy")

        with monkeypatch.context() as patch:
            patch.setattr(URLLib3Session, "send", send)
            assert harness.run(access.address, "in/", **access.options).state == "done"
            with opened(access.address, harness.context(access.options)) as (backend, _):
                assert list(backend.browse("s3://"))
                sink = backend.sink(f"{access.address}n", SourceFile("n", 20 << 20))
                sink.begin(None)
                sink.abort()
                assert backend.delete(list(backend.entries(access.address))) == [None] * 2


# ---- what counts as a digest --------------------------------------------------------------------

SHA = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.mark.parametrize(
    ("head", "algorithm"),
    [
        ({"ETag": f'"{MD5}"'}, "md5"),
        ({"ETag": f'"{MD5}"', "ServerSideEncryption": "AES256"}, "md5"),
        ({"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms"}, None),
        ({"ETag": f'"{MD5}"', "SSECustomerAlgorithm": "AES256"}, None),
        ({"ETag": f'"{MD5}-2"'}, None),
        ({"ETag": '"0x8DC"'}, None),
        ({}, None),
        ({"ETag": f'"{MD5}-2"', "ChecksumSHA256": SHA}, "sha256"),
        ({"ETag": f'"{MD5}"', "ChecksumSHA256": SHA, "ChecksumType": "FULL_OBJECT"}, "sha256"),
        ({"ETag": f'"{MD5}-2"', "ChecksumSHA256": f"{SHA}-2"}, None),
        ({"ETag": f'"{MD5}-2"', "ChecksumSHA256": SHA, "ChecksumType": "COMPOSITE"}, None),
        ({"ETag": f'"{MD5}-2"', "ChecksumCRC64NVME": "AAAAAAAAAAA="}, "crc64nvme"),
        ({"ETag": f'"{MD5}"', "ChecksumCRC64NVME": "AAAAAAAAAAA="}, "md5"),
    ],
)
def test_digests(head, algorithm):
    digest = digest_of_head(head)
    assert (digest.algorithm if digest else None) == algorithm


def test_what_an_answer_states():
    stated = stated_by({"etag": f'"{MD5}-12"', "x-amz-meta-mtime": "12.5"})
    assert (stated.digest, stated.unverified) == (None, "multipart_etag")
    assert stated.mtime_ns == 12_500_000_000


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("1500000000", 1_500_000_000 * 10**9),
        ("1500000000.5", 1_500_000_000_500_000_000),
        ("1500000000.123456789", 1_500_000_000_123_456_789),
        ("-5", None),
        ("yesterday", None),
        ("9" * 40, None),
    ],
)
def test_kept_times(value, ns):
    assert kept_mtime_ns({"Mtime": value}) == ns
    if ns is not None:
        assert kept_mtime_ns({"mtime": written_mtime(ns)}) == ns


def test_a_customer_key_must_be_32_bytes():
    assert customer_key(None) == {}
    assert error_code(customer_key, "a" * 32) == "bad_request"


# ---- canary -------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", [True, False])
def test_no_secret_leaves_a_worker(tmp_path, right, capfd):
    """A job in a real worker process: its messages, its log, and what it leaves on the disk."""
    with running_rclone(tmp_path) as server:
        site = S3Site(server)
        site.put("f.bin", noise(1_000_000))
        folder = tmp_path / "root"
        folder.mkdir()
        secret = SECRET if right else "canary-wrong-secret-0123456789"
        options = {**site.options, "secret_access_key": secret, "session_token": TOKEN}
        if right:
            del options["session_token"]
        worker = WorkerProcess(tmp_path)
        try:
            message = run_message(folder, site.access("f.bin").address, options=options)
            worker.send(**message)
            end = worker.wait_for("end")
        finally:
            worker.kill()
        assert end["state"] == ("done" if right else "waiting")
        left = "".join(
            p.read_text("utf-8", "replace") for p in folder.rglob("*") if p.is_file() and right
        )
        said = json.dumps(worker.seen) + "".join(capfd.readouterr()) + left
        assert not [text for text in (secret, TOKEN, "X-Amz-Signature") if text in said]
