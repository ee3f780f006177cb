"""Addresses at the hub of Hugging Face; the real parser judges where the grammar is its own."""

from __future__ import annotations

import pytest

from jupyter_transfer.backends import find
from jupyter_transfer.backends.hub_address import HUBS, Place, is_page, parse
from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import split_userinfo

PLACES = {
    "hf://o/n": Place(None, "o/n"),
    "hf://o/n/": Place(None, "o/n"),
    "HF://o/n": Place(None, "o/n"),
    "hf://models/o/n": Place("model", "o/n"),
    "hf://datasets/o/n@v1.0/a b/c%20d?#.csv": Place(
        "dataset", "o/n", "v1.0", "a b/c%20d?#.csv", False
    ),
    "hf://buckets/o/n/a b.txt": Place("bucket", "o/n", None, "a b.txt", False),
    "https://huggingface.co/buckets/o/n": Place("bucket", "o/n"),
    "https://huggingface.co/buckets/o/n/resolve/a%20b/c.txt": Place(
        "bucket", "o/n", None, "a b/c.txt", False
    ),
    "hf://spaces/o/n@refs/pr/7/app.py": Place("space", "o/n", "refs/pr/7", "app.py", False),
    "hf://o/n@refs/convert/parquet": Place(None, "o/n", "refs/convert/parquet"),
    "hf://o/n@feature%2Fx/dir/": Place(None, "o/n", "feature/x", "dir", True),
    "hf://o/n/a@b/c": Place(None, "o/n", None, "a@b/c", False),
    "hf://o/n_1.2-x/f": Place(None, "o/n_1.2-x", None, "f", False),
    "https://huggingface.co/o/n": Place("model", "o/n"),
    "https://hf.co/o/n/": Place("model", "o/n"),
    "https://huggingface.co/o/n/tree/main": Place("model", "o/n", "main"),
    "https://huggingface.co/datasets/o/n/tree/main/a%20b": Place("dataset", "o/n", "main", "a b"),
    "https://huggingface.co/o/n/blob/v1/x%23.bin?download=true#L3": Place(
        "model", "o/n", "v1", "x#.bin", False
    ),
    "https://huggingface.co/spaces/o/n/resolve/refs%2Fpr%2F2/app.py": Place(
        "space", "o/n", "refs/pr/2", "app.py", False
    ),
    "https://huggingface.co/o/n/resolve/refs/pr/2/app.py": Place(
        "model", "o/n", "refs/pr/2", "app.py", False
    ),
}


@pytest.mark.parametrize("address", PLACES)
def test_places(address):
    assert parse(address) == PLACES[address]
    assert find(address).name == "huggingface"


@pytest.mark.parametrize("address", [a for a in PLACES if a.startswith("hf")])
def test_the_real_parser_says_the_same(address):
    from huggingface_hub import parse_hf_uri

    place, real = parse(address), parse_hf_uri(address.rstrip("/"))
    assert (place.kind or "model", place.repo) == (real.type, real.id)
    if not address.startswith("https://huggingface.co/o/n/blob"):
        assert (place.revision, place.path) == (real.revision, real.path_in_repo)


@pytest.mark.parametrize("place", PLACES.values(), ids=str)
def test_an_address_is_read_as_it_is_written(place):
    again = parse(place.address)
    assert (again.kind or "model", again.repo) == (place.kind or "model", place.repo)
    assert (again.revision, again.path, again.is_folder) == (
        place.revision,
        place.path,
        place.is_folder,
    )
    assert split_userinfo(place.address) == (place.address, None)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/abs", "a//b", "back\\slash", "%2e%2e/x"])
def test_paths_that_a_repository_may_hold_are_kept_to_be_judged_later(path):
    assert parse(Place("dataset", "o/n", "main", path, False).address).path == path


@pytest.mark.parametrize(
    "address",
    [
        "hf://",
        "hf://name",
        "hf://o/",
        "hf:///n",
        "hf://datasets/o",
        "hf://buckets/o/n@main",
        "hf://kernels/o/n",
        "hf://o/n--m",
        "hf://o/../x",
        "hf://../n/x",
        "hf://o/n.git",
        "hf://o/-n",
        "hf://o/n.",
        "hf://o/n m",
        "hf://o/n\nm",
        "hf://o/数据",
        "hf://o/" + "n" * 97,
        "hf://o/n@",
        "hf://o/n@/f",
        "hf://o/n@a..b/f",
        "hf://o/n@a%20b/f",
        "hf://o/n@--upload-pack=x",
        "hf://o/n@" + "r" * 251,
        "hf://o/n/a\0b",
        "https://huggingface.co/o/n/discussions",
        "https://example.org/o/n",
    ],
)
def test_what_is_no_place(address):
    with pytest.raises(TransferError) as caught:
        parse(address)
    assert caught.value.code == "invalid_address"


@pytest.mark.parametrize(
    "address",
    [
        "https://huggingface.co/",
        "https://huggingface.co/gpt2",
        "https://huggingface.co/docs/transformers",
        "https://huggingface.co/blog/x",
        "https://huggingface.co/papers/2401.1",
        "https://huggingface.co/api/models",
        "https://huggingface.co/o/n/discussions/1",
        "https://huggingface.co/o/n/commit/main",
        "https://huggingface.co.evil.example/o/n",
        "https://evil.example/huggingface.co/o/n",
        "ftp://huggingface.co/o/n",
    ],
)
def test_pages_that_are_no_repositories_stay_files_of_the_web(address):
    assert not is_page(address)
    assert find(address).name != "huggingface"


def test_pages_of_a_mirror_are_known_by_the_environment(monkeypatch):
    page = "https://mirror.example/hf/datasets/o/n/tree/main/d"
    assert find(page).name == "http"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/hf/")
    assert find(page).name == "huggingface"
    assert find("https://mirror.example/o/n").name == "http"
    assert find("https://huggingface.co/o/n").name == "huggingface"
    place = parse(page, (*HUBS, "https://mirror.example/hf"))
    assert (place.kind, place.repo, place.path, place.is_folder) == ("dataset", "o/n", "d", True)
