"""What clients say about their files."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_transfer.errors import TransferError
from jupyter_transfer.names import parse_path
from jupyter_transfer.uploads.metadata import UploadSpec, parse_metadata

from ..handlers.tus_client import metadata


def spec(**pairs) -> UploadSpec:
    return UploadSpec.from_header(metadata(**pairs), "id", parse_path)


def code_of(call) -> str:
    with pytest.raises(TransferError) as caught:
        call()
    return caught.value.code


def result_or_code(call):
    try:
        return call()
    except TransferError as error:
        return error.code


# ---- the header ----


def test_pairs():
    assert parse_metadata("") == parse_metadata("  ") == {}
    assert parse_metadata("a YWI=,b, c Yw==,d-e/f ") == {
        "a": b"ab",
        "b": b"",
        "c": b"c",
        "d-e/f": b"",
    }


@pytest.mark.parametrize(
    "header",
    [
        "a YQ==,a Yg==",  # twice
        "a YQ==,",
        ",a YQ==",
        ",",
        "a YQ=",
        "a Y",
        "a YQ== YQ==",
        "a  YQ==",
        "a YQ-_",
        "a YQ==\n",
        "ä YQ==",
        "a\tb YQ==",
        "a \xff",
    ],
)
def test_malformed_headers(header):
    assert code_of(lambda: parse_metadata(header)) == "bad_request"


@given(st.text(max_size=200))
def test_any_header_is_parsed_or_refused(header):
    pairs = result_or_code(lambda: parse_metadata(header))
    assert pairs == "bad_request" or all(key.isascii() and key for key in pairs)


@given(
    st.dictionaries(
        st.text(
            st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1
        ),
        st.binary(max_size=50),
        max_size=10,
    )
)
def test_what_was_encoded_is_decoded(pairs):
    header = ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in pairs.items())
    assert parse_metadata(header) == pairs


# ---- names ----


@pytest.mark.parametrize(
    ("pairs", "destination"),
    [
        ({}, "upload-id"),
        ({"filename": ""}, "upload-id"),
        ({"filename": "a.txt"}, "a.txt"),
        ({"filename": "d/e/a.txt"}, "d/e/a.txt"),
        ({"filename": "a", "path": "x/y"}, "x/y/a"),
        ({"filename": "a", "path": "x/"}, "x/a"),
        ({"filename": "a", "path": "/"}, "a"),
        ({"path": "x"}, "x/upload-id"),
        ({"filename": "a", "relativePath": "d/a"}, "d/a"),
        ({"filename": "a", "relativePath": "d"}, "d/a"),
        ({"filename": "a", "relativePath": "d/"}, "d/a"),
        ({"filename": "e/a", "relativePath": "d/a"}, "d/a"),
        ({"relativePath": "d/a", "path": "x"}, "x/d/a"),
        ({"filename": "a", "relativePath": "null"}, "a"),  # Uppy
        ({"filename": "a", "relativePath": None}, "a"),
        ({"filename": "null"}, "upload-id"),
        ({"filename": "o\u0308"}, "ö"),  # a Mac's decomposed form
        ({"filename": "CON "}, "CON "),
        ({"filename": "<img src=x onerror=alert(1)>"}, "<img src=x onerror=alert(1)>"),
    ],
)
def test_names(pairs, destination):
    assert spec(**pairs).destination == destination


def test_an_existing_folder_may_have_a_name_that_we_would_not_make():
    assert spec(filename="a", path="x\\y").destination == "x\\y/a"
    assert code_of(lambda: spec(filename="x\\y")) == "invalid_path"


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_no_name_leaves_the_root(filename, relative, path):
    destination = result_or_code(
        lambda: spec(filename=filename, relativePath=relative, path=path).destination
    )
    if destination in ("invalid_path", "hidden_path"):
        return
    segments = destination.split("/")
    assert not {"", ".", ".."} & set(segments)
    assert not any(segment.startswith(".") for segment in segments)
    assert "\0" not in destination


def test_hidden_names_where_they_are_allowed():
    def parse(path, *, new=False):
        return parse_path(path, allow_hidden=True, new=new)

    header = metadata(filename=".env", path=".config")
    assert UploadSpec.from_header(header, "id", parse).destination == ".config/.env"
    header = metadata(filename=".jupyter-transfer/x")
    assert code_of(lambda: UploadSpec.from_header(header, "id", parse)) == "hidden_path"


# ---- the rest ----


def test_conflict():
    assert spec().conflict == "rename"
    for policy in ("rename", "overwrite", "skip", "fail"):
        assert spec(conflict=policy).conflict == policy
    assert code_of(lambda: spec(conflict="Overwrite")) == "bad_request"


def test_mtime():
    assert spec().mtime_ns is None
    assert spec(mtime="1700000000123").mtime_ns == 1_700_000_000_123_000_000
    assert spec(mtime="-1").mtime_ns == -1_000_000
    for bad in ("1.5", "1e3", "+1", " 1", "x", "9" * 15, "-" + "9" * 15, "9" * 40, "\u0661"):
        assert code_of(lambda bad=bad: spec(mtime=bad)) == "bad_request"


def test_sha256():
    assert spec().sha256 is None
    assert spec(sha256="AB" * 32).sha256 == "ab" * 32
    for bad in ("0" * 63, "0" * 65, "g" * 64, "\u0660" * 64):
        assert code_of(lambda bad=bad: spec(sha256=bad)) == "bad_request"


def test_values_that_are_not_utf_8():
    assert code_of(lambda: spec(filename=b"\xff")) == "invalid_path"
    assert code_of(lambda: spec(conflict=b"\xff")) == "bad_request"
    assert spec(filename="a", type=b"\xff\x00").destination == "a"  # not ours to read


def test_the_header_is_kept_as_it_was():
    header = metadata(type=b"\xff", filename="a") + ", is_x"
    assert UploadSpec.from_header(header, "id", parse_path).header == header
