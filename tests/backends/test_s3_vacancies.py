"""Many small files are sent without a look at each, and nothing that stands there is replaced."""

from __future__ import annotations

import pytest

from jupyter_transfer.backends import s3vacancy
from jupyter_transfer.backends.s3 import S3Backend
from jupyter_transfer.backends.s3listing import Page
from jupyter_transfer.backends.s3vacancy import Vacancies
from jupyter_transfer.errors import TransferError

from ..servers.s3 import running_rclone
from .test_s3 import S3Site, no_aws  # noqa: F401 - a fixture

PAGE = 3


@pytest.fixture(scope="module")
def rclone(tmp_path_factory):
    with running_rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture
def site(rclone):
    return S3Site(rclone)


class Folder:
    """A folder with some keys, listed `PAGE` at a time; counts how often."""

    def __init__(self, *keys, heeds_start=True):
        self.keys = list(keys)
        self.heeds_start = heeds_start
        self.listed = 0

    def __call__(self, folder, after):
        self.listed += 1
        keys = sorted(k for k in self.keys if k > after or not self.heeds_start)
        page, more = keys[:PAGE], len(keys) > PAGE
        return Page(
            [{"Key": key} for key in page if not key.endswith("/")],
            [key for key in page if key.endswith("/")],
            "next" if more else None,
        )


def test_only_the_first_of_a_folder_is_not_known():
    folder, vacancies = Folder("d/taken", "d/folder/"), Vacancies()
    assert not vacancies.is_free("d/a", folder)
    assert vacancies.is_free("d/b", folder)
    assert not vacancies.is_free("d/taken", folder)
    assert not vacancies.is_free("d/folder", folder)
    assert vacancies.is_free("d/z", folder)
    assert folder.listed == 1


@pytest.mark.parametrize("heeds_start", [True, False])
def test_behind_a_full_page_nothing_is_known(heeds_start):
    taken = [f"d/f{n}" for n in range(9)]
    folder, vacancies = Folder(*taken, heeds_start=heeds_start), Vacancies()
    vacancies.is_free("d/a", folder)
    for key in (*taken, "d/f3x", "d/f8x"):
        free = vacancies.is_free(key, folder)
        assert not (free and key in taken)
    assert vacancies.is_free("d/f8y", folder) is heeds_start


def test_a_page_is_believed_for_a_moment_only(monkeypatch):
    folder, vacancies = Folder(), Vacancies()
    vacancies.is_free("d/a", folder)
    assert vacancies.is_free("d/b", folder)
    folder.keys.append("d/c")
    monkeypatch.setattr(s3vacancy.time, "monotonic", lambda: 1e12)
    assert not vacancies.is_free("d/c", folder)


def test_who_may_not_list_is_asked_no_more():
    asked = []

    def refuse(*arguments):
        asked.append(arguments)
        raise TransferError("remote_forbidden", "No.")

    vacancies = Vacancies()
    assert not any(vacancies.is_free(f"d/{n}", refuse) for n in range(5))
    assert len(asked) == 1


def test_a_job_looks_at_folders_and_not_at_files(site, harness, monkeypatch):
    """At a service that ignores ``If-None-Match``."""
    looks = []
    head = S3Backend.head

    def counting(backend, bucket, key, **more):
        looks.append(key)
        return head(backend, bucket, key, **more)

    monkeypatch.setattr(S3Backend, "head", counting)
    site.put("t/two/f07.bin", b"somebody's")
    for number in range(20):
        for folder in ("one", "two"):
            path = harness.folder / "tree" / folder / f"f{number:02}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"ours" * number)
    access = site.access("t")
    outcome = harness.run("tree", access.address, kind="send", **access.options)
    assert outcome.error is not None
    failed = [file["path"] for file in harness.report.files if file["error"]]
    assert failed == ["tree/two/f07.bin"]
    assert site.read("t/two/f07.bin") == b"somebody's"
    assert site.read("t/one/f07.bin") == b"ours" * 7
    assert len(site.names()) == 40
    assert len(looks) < 10, looks
