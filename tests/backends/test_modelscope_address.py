"""Addresses at ModelScope."""

from __future__ import annotations

import pytest

from jupyter_transfer.backends import find
from jupyter_transfer.backends.hub_address import Place
from jupyter_transfer.backends.modelscope_address import is_page, parse
from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import split_userinfo


def place(kind, repo="o/n", revision=None, path="", *, is_folder=True):
    return Place(kind, repo, revision, path, is_folder, "modelscope")


def file(kind, revision, path, repo="o/n"):
    return place(kind, repo, revision, path, is_folder=False)


PAGES = "https://modelscope.cn"
PLACES = {
    "modelscope://o/n": place(None),
    "ModelScope://models/Qwen/Qwen2.5-7B": place("model", "Qwen/Qwen2.5-7B"),
    "modelscope://datasets/o/n@v1.0/a b/c%20d?#.csv": file("dataset", "v1.0", "a b/c%20d?#.csv"),
    "modelscope://o/n@feature%2Fx/dir/": place(None, revision="feature/x", path="dir"),
    f"{PAGES}/models/o/n": place("model"),
    "https://www.modelscope.cn/models/o/n/summary": place("model"),
    f"{PAGES}/datasets/o/n/files/": place("dataset"),
    f"{PAGES}/datasets/o/n/dataPeview": place("dataset"),
    f"{PAGES}/models/o/n/tree/v1/a%20b": place("model", revision="v1", path="a b"),
    f"{PAGES}/models/o/n/resolve/master/a/b%23.bin?download=true": file(
        "model", "master", "a/b#.bin"
    ),
    f"{PAGES}/models/o/n/file/view/master/docs%2Fx.md?status=1": file(
        "model", "master", "docs/x.md"
    ),
    f"{PAGES}/models/o/n/file/view/master?fileName=a%2Fapp.py&status=1": file(
        "model", "master", "a/app.py"
    ),
    f"{PAGES}/api/v1/models/o/n/repo?Revision=v2&FilePath=a%2Fb.bin": file(
        "model", "v2", "a/b.bin"
    ),
    f"{PAGES}/api/v1/datasets/o/n/repo?FilePath=.%2Fb.bin": file("dataset", None, "b.bin"),
}


@pytest.mark.parametrize("address", PLACES)
def test_places(address):
    assert parse(address) == PLACES[address]
    assert find(address).name == "modelscope"


@pytest.mark.parametrize("one", PLACES.values(), ids=str)
def test_an_address_is_read_as_it_is_written(one):
    again = parse(one.address)
    assert (again.kind or "model", again.repo) == (one.kind or "model", one.repo)
    assert (again.revision, again.path, again.is_folder) == (one.revision, one.path, one.is_folder)
    assert split_userinfo(one.address) == (one.address, None)


@pytest.mark.parametrize(
    "address",
    [
        "modelscope://",
        "modelscope://name",
        "modelscope://studios/o/n",
        "modelscope://o/../x",
        "modelscope://o/n.git",
        "modelscope://o/n m",
        "modelscope://o/n@a..b/f",
        "modelscope://o/n@--upload-pack=x",
        "modelscope://o/n/a\0b",
        f"{PAGES}/models/o/n/feedback",
    ],
)
def test_what_is_no_place(address):
    with pytest.raises(TransferError) as caught:
        parse(address)
    assert caught.value.code == "invalid_address"


@pytest.mark.parametrize(
    "address",
    [
        f"{PAGES}/",
        f"{PAGES}/models",
        f"{PAGES}/models/o",
        f"{PAGES}/studios/o/n/summary",
        f"{PAGES}/docs/models/x",
        f"{PAGES}/o/n",
        f"{PAGES}/models/o/n/resolve/master",
        f"{PAGES}/models/o/..%2Fn",
        f"{PAGES}/api/v1/models/o/n/repo/files?Revision=master",
        f"{PAGES}/api/v1/models/o/n/repo?Revision=a..b&FilePath=x",
        "https://modelscope.cn.evil.example/models/o/n",
        "https://evil.example/modelscope.cn/models/o/n",
        "https://huggingface.co/models/o/n",
    ],
)
def test_pages_that_are_no_repositories_stay_files_of_the_web(address):
    assert not is_page(address)
    assert find(address).name != "modelscope"


def test_pages_of_another_hub_are_known_by_the_environment(monkeypatch):
    page = "https://ms.example/hub/datasets/o/n/tree/master/d"
    assert find(page).name == "http"
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "ms.example/hub/")
    assert find(page).name == "modelscope"
    assert find("https://ms.example/datasets/o/n").name == "http"
    assert find(f"{PAGES}/models/o/n").name == "modelscope"
