"""What may be asked for, checked without a network; and what is taken out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_transfer import admission as module
from jupyter_transfer.admission import JobAdmission, permissions
from jupyter_transfer.archives.extractlimits import ExtractCaps
from jupyter_transfer.engine.kinds import RUN_KINDS
from jupyter_transfer.errors import TransferError
from jupyter_transfer.net import Policy
from jupyter_transfer.paths import Root
from jupyter_transfer.secrets import Credential
from jupyter_transfer.spec import Job, JobSpec

A, B = "https://a.example/x", "https://b.example/y"
READ, WRITE = ("read", "contents"), ("write", "contents")


@pytest.fixture(autouse=True)
def all_kinds(monkeypatch):
    monkeypatch.setattr(module, "RUN_KINDS", ("fetch", "send", "sync", "copy", "extract", "pack"))


@pytest.fixture
def admission(tmp_path):
    root = Root(str(tmp_path))
    yield JobAdmission(root, Policy(), None, lambda name: True)
    root.close()


def code_of(call, *arguments) -> str:
    with pytest.raises(TransferError) as caught:
        call(*arguments)
    return caught.value.code


def test_the_engine_runs_what_is_announced():
    from jupyter_transfer.engine.job import _DISCARDS, _RUNS

    assert set(RUN_KINDS) == set(_RUNS) == set(_DISCARDS)


@pytest.mark.parametrize(
    ("kind", "source", "destination", "needs"),
    [
        ("fetch", A, "x", [WRITE]),
        ("send", "x", A, [READ]),
        ("send", "x", "git+https://a.example/x.git", [READ, WRITE]),
        ("copy", A, B, []),
        ("sync", A, "x", [WRITE]),
        ("sync", "x", "sftp://a.example/x", [READ]),
        ("sync", A, B, []),
        ("sync", "x", A, [READ]),
        ("sync", "s3://bucket/x", "s3://bucket/xy", []),
        ("extract", "x.zip", "out", [READ, WRITE]),
        ("pack", "x", "x.zip", [READ, WRITE]),
    ],
)
def test_what_each_kind_needs(admission, kind, source, destination, needs):
    spec = JobSpec(kind, source, destination)
    assert permissions(spec) == needs
    assert admission.job(spec)[0] == spec


@pytest.mark.parametrize(
    ("kind", "source", "destination", "code"),
    [
        ("download", "x", "y", "bad_request"),
        ("sync", "x", "y", "bad_request"),
        ("sync", "s3://bucket/x", "s3://bucket/x/", "bad_request"),
        ("sync", "s3://bucket/x", "s3://bucket", "bad_request"),
        ("sync", "s3://bucket/x/", "s3://bucket/x/y", "bad_request"),
        ("send", "x", "y", "unsupported_scheme"),
        ("send", "../x", A, "invalid_path"),
        ("send", "x", "http://169.254.169.254/", "address_refused"),
        ("copy", A, "http://169.254.169.254/", "address_refused"),
        ("copy", A, "gopher://x/", "unsupported_scheme"),
        ("sync", A, "/etc", "invalid_path"),
        ("sync", "http://[::1/", "x", "invalid_address"),
        ("fetch", A, "../x", "invalid_path"),
    ],
)
def test_what_cannot_be(admission, kind, source, destination, code):
    assert code_of(admission.job, JobSpec(kind, source, destination)) == code


def test_a_backend_that_is_switched_off(tmp_path):
    root = Root(str(tmp_path))
    admission = JobAdmission(root, Policy(), None, lambda name: False)
    for spec in (JobSpec("fetch", A, "x"), JobSpec("send", "x", A), JobSpec("copy", A, B)):
        assert code_of(admission.job, spec) == "disabled"
    assert code_of(admission.remote, A, {}) == "disabled"
    root.close()


@pytest.mark.parametrize(
    "options",
    [
        {"conflict": "win"},
        {"approve": 5},
        {"dry_run": "yes"},
        {"include": 5},
        {"exclude": [5]},
        {"min_size": "big"},
        {"max_size": -1},
        {"min_age": "old"},
        {"max_age": True},
        {"start_at": "tomorrow"},
        {"start_at": 5},
        {"start_at": "99999-01-01"},
        {"max_retries": -1},
        {"max_retries": True},
        {"max_retries": 10**9},
        {"max_delete": 1.5},
        {"bandwidth": "8,5M"},
        {"username": 5},
        {"password": ["x"]},
        {"password": "file:relative"},
        {"speed": 5},
        {"credential": "memory"},
        {"credential_options": []},
    ],
)
def test_bad_options(admission, options):
    assert code_of(admission.job, JobSpec("fetch", A, "x", options)) == "bad_request"
    assert code_of(admission.remote, A, options) == "bad_request"


def test_options_in_their_normal_form(admission):
    options = {
        "include": "*.csv",
        "min_size": " 5M ",
        "max_age": "1h30m",
        "min_age": "2026-01-01",
        "start_at": "2026-12-24T18:00:00+08:00",
        "max_retries": 0,
        "bandwidth": "08:00,512k  19:00,off",
        "conflict": None,
        "exclude": [],
    }
    spec, held = admission.job(JobSpec("fetch", A, "x", options))
    assert not held
    assert spec.options == {
        "include": ["*.csv"],
        "min_size": "5M",
        "max_age": "1h30m",
        "min_age": "2026-01-01",
        "start_at": "2026-12-24T10:00:00.000Z",
        "max_retries": 0,
        "bandwidth": "08:00,512k 19:00,off",
        "exclude": [],
    }


def test_secrets_are_taken_out(admission):
    options = {"username": "me", "password": "hush"}
    spec, held = admission.job(JobSpec("fetch", "https://u:p@a.example/x", "x", options))
    assert (spec.source, spec.options) == (A, {"username": "me"})
    assert (held.credential, held.options) == (Credential("u", "p"), {"password": "hush"})
    spec, held = admission.job(JobSpec("fetch", A, "x", {"password": "env:PASSWORD"}))
    assert (spec.options, bool(held)) == ({"password": "env:PASSWORD"}, False)


SIGNED = (
    "https://a.example/x?response-content-type=a%2Fb&X-Amz-Credential=AK%2F1&X-Amz-Signature=5ec9e7"
)


def test_the_signature_of_an_address_is_taken_out(admission):
    shown = "https://a.example/x?response-content-type=a%2Fb&X-Amz-Credential=AK%2F1"
    spec, held = admission.job(JobSpec("fetch", SIGNED, "x"))
    assert (spec.source, spec.options) == (shown, {})
    assert held.options == {"query": SIGNED.partition("?")[2]}
    assert "5ec9e7" not in repr((spec, held))
    spec, held = admission.job(JobSpec("send", "x", SIGNED))
    assert (spec.destination, held.options) == (shown, {"query": SIGNED.partition("?")[2]})
    text, options, held = admission.remote(SIGNED, {})
    assert (text, options, held.options["query"]) == (shown, {}, SIGNED.partition("?")[2])


def test_a_key_of_a_bucket_has_no_query(admission):
    address = "s3://bucket/what?token=is-a-name"
    spec, held = admission.job(JobSpec("fetch", address, "x"))
    assert (spec.source, bool(held)) == (address, False)


def test_each_end_of_a_copy_has_a_credential_of_its_own(admission):
    spec = JobSpec("copy", "https://u:p@a.example/x", "https://v:q@b.example/y")
    clean, held = admission.job(spec)
    assert (clean.source, clean.destination) == (A, B)
    assert (held.credential, held.destination) == (Credential("u", "p"), Credential("v", "q"))
    _, held = admission.job(JobSpec("send", "x", "https://v:q@b.example/y"))
    assert (held.credential, held.destination) == (Credential("v", "q"), None)
    _, held = admission.job(JobSpec("copy", A, "https://v:q@b.example/y"))
    assert (held.credential, held.destination) == (None, Credential("v", "q"))


def test_what_may_be_entered_later(admission):
    job = Job.new(JobSpec("send", "x", A), "me")
    rest, held = admission.more(job, {"username": "me", "password": "hush"})
    assert (rest, held.options) == ({"username": "me"}, {"password": "hush"})
    assert admission.more(job, {"password": "env:X"})[0] == {"password": "env:X"}
    for options in (None, [], {"filename": "x"}, {"approve": True}, {"password": 5}):
        assert code_of(admission.more, job, options) == "bad_request"


@pytest.mark.parametrize(
    ("destination", "options", "good"),
    [
        ("x", {"conflict": "overwrite"}, True),
        ("x", {"conflict": "rename"}, False),
        ("x", {"trash": True}, True),
        ("x", {"trash": "old/things"}, True),
        ("x", {"trash": "../out"}, False),
        ("x", {"trash": "/out"}, False),
        ("x", {"trash": ".hidden"}, False),
        ("x", {"trash": "."}, False),
        ("s3://bucket/x", {"trash": True}, True),
        ("sftp://a.example/x", {"trash": True}, False),
        ("x", {"compare": "checksum"}, True),
        ("x", {"compare": "colour"}, False),
        ("x", {"max_delete": -1}, False),
    ],
)
def test_the_options_of_a_sync(admission, destination, options, good):
    source = A if destination == "x" else "here"
    spec = JobSpec("sync", source, destination, options)
    if good:
        assert admission.job(spec)[0] == spec
    else:
        assert code_of(admission.job, spec) == "bad_request"


S3 = {"access_key_id": "KEY", "secret_access_key": "canary-here", "endpoint": "https://here"}
THERE = {"dest_" + name: value.replace("here", "there") for name, value in S3.items()}


def test_the_options_of_both_ends_of_a_copy(admission):
    options = {**S3, **THERE, "storage_class": "GLACIER", "version": "v1"}
    spec, held = admission.job(JobSpec("copy", "s3://aaa/x", "s3://bbb/y", options))
    secret = {"secret_access_key": "canary-here", "dest_secret_access_key": "canary-there"}
    assert held.options == secret
    assert spec.options == {k: v for k, v in options.items() if k not in secret}


def test_user_names_and_passwords_of_both_ends(admission):
    options = {"username": "a", "password": "p", "dest_username": "b", "dest_password": "q"}
    spec, held = admission.job(JobSpec("copy", A, "sftp://h.example/y", options))
    assert held.options == {"password": "p", "dest_password": "q"}
    assert spec.options == {"username": "a", "dest_username": "b"}
    assert code_of(admission.job, JobSpec("fetch", A, "x", options)) == "bad_request"
    job = Job.new(spec, "me")
    rest, held = admission.more(job, {"dest_password": "new", "dest_username": "c"})
    assert (rest, held.options) == ({"dest_username": "c"}, {"dest_password": "new"})
    fetch = Job.new(JobSpec("fetch", A, "x"), "me")
    assert code_of(admission.more, fetch, {"dest_password": "new"}) == "bad_request"


@pytest.mark.parametrize(
    ("source", "destination", "options"),
    [
        (A, B, {"dest_filename": "x"}),  # only sources have it
        ("s3://aaa/x", "s3://bbb/y", {"dest_acl": "private"}),  # only destinations have it
        ("s3://aaa/x", "s3://bbb/y", {"dest_endpoint": "no address"}),
        ("s3://aaa/x", A, {"dest_endpoint": "https://there"}),
        (A, "hf://owner/name", {}),  # it is committed from files of this disk
    ],
)
def test_options_that_no_copy_has(admission, source, destination, options):
    assert code_of(admission.job, JobSpec("copy", source, destination, options)) == "bad_request"


def test_a_remote_of_rclone_takes_files_of_other_services(admission):
    for kind in ("copy", "sync"):
        spec, _ = admission.job(JobSpec(kind, A, "rclone://mine/x", {"remote_type": "memory"}))
        assert spec.options == {"remote_type": "memory"}


def test_the_endpoint_of_the_destination_is_judged(admission):
    for name, source in (("endpoint", A), ("dest_endpoint", "s3://aaa/x")):
        spec = JobSpec("copy", source, "s3://bbb/y", {name: "http://169.254.169.254"})
        assert code_of(admission.job, spec) == "address_refused"


def test_the_cache_of_a_service_is_for_who_may_run_code(admission):
    """It lies outside the root, where this account keeps it."""
    spec = JobSpec("fetch", "hf://o/n", "", {"target": "cache"})
    assert set(permissions(spec)) == {("execute", "kernels"), WRITE}
    assert permissions(JobSpec("fetch", "hf://o/n", "", {"target": "folder"})) == [WRITE]
    assert admission.job(spec)[0].options == {"target": "cache"}
    spec = replace(spec, destination="ignored/folder")
    assert admission.job(spec)[0].destination == ""
    for kind, destination in (("sync", "x"), ("copy", B)):
        spec = JobSpec(kind, "hf://o/n", destination, {"target": "cache"})
        assert code_of(admission.job, spec) == "bad_request"


def test_where_an_archive_is_extracted_to_stands_in_its_job(admission):
    spec, _ = admission.job(JobSpec("extract", "in/x.tar.gz", ""))
    assert spec.destination == "in/x"


@pytest.mark.parametrize(
    ("caps", "options", "expected"),
    [
        ({}, {"max_files": 9**9, "max_bytes": "1.5K"}, {"max_files": 9**9, "max_bytes": 1536}),
        ({"files": 100}, {}, {"max_files": 100}),
        ({"files": 100}, {"max_files": 50}, {"max_files": 50}),
        ({"files": 2_000_000}, {}, {}),
        ({"size": 9999, "ratio": 1000}, {"max_ratio": 999}, {"max_bytes": 9999, "max_ratio": 999}),
        ({"ratio": 100}, {"max_ratio": 101}, None),
        ({"size": 100}, {"max_bytes": "1G"}, None),
        ({"files": 100}, {"max_files": 101}, None),
    ],
)  # fmt: skip
def test_how_much_an_archive_may_become(tmp_path, caps, options, expected):
    root = Root(str(tmp_path))
    strict = JobAdmission(root, Policy(), None, lambda name: True, ExtractCaps(**caps))
    spec = JobSpec("extract", "x.zip", "out", options)
    if expected is None:
        assert code_of(strict.job, spec) == "bad_request"
    else:
        assert strict.job(spec)[0].options == expected
    root.close()
