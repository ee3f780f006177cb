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


def by_folder(key):
    """Some services list one folder after the other."""
    return key.replace("/", "\0")


class Bucket:
    """Some keys, listed `PAGE` at a time; remembers what was asked for."""

    def __init__(self, *keys, heeds_start=True, order=str):
        self.keys = list(keys)
        self.heeds_start = heeds_start
        self.order = order
        self.asked = []

    def __call__(self, prefix, after):
        self.asked.append((prefix, after))
        keys = sorted((k for k in self.keys if k.startswith(prefix)), key=self.order)
        if self.heeds_start:
            keys = [k for k in keys if self.order(k) > self.order(after)]
        return Page([{"Key": k} for k in keys[:PAGE]], [], "next" if len(keys) > PAGE else None)


def test_one_page_tells_of_all_keys_but_the_first():
    bucket, vacancies = Bucket("d/folder/x", "d/taken"), Vacancies()
    assert not vacancies.is_free("d/a", bucket)
    assert vacancies.is_free("d/b", bucket)
    assert not vacancies.is_free("d/taken", bucket)
    assert not vacancies.is_free("d/folder", bucket)
    assert vacancies.is_free("d/fold", bucket)
    assert vacancies.is_free("d/folder/y", bucket)
    assert vacancies.is_free("d/z/y/x", bucket)
    assert bucket.asked == [("d/", "")]


def test_the_folders_of_a_job_are_listed_together():
    bucket, vacancies = Bucket("t/d07/f3", "u/d07/f4"), Vacancies()
    free = [vacancies.is_free(f"t/d{n:02}/f{m}", bucket) for n in range(30) for m in range(5)]
    assert free.count(False) == 2  # the very first, and the one that is taken
    assert not free[7 * 5 + 3]
    assert [prefix for prefix, _ in bucket.asked] == ["t/d00/", "t/"]


@pytest.mark.parametrize("order", [str, by_folder])
@pytest.mark.parametrize("heeds_start", [True, False])
def test_behind_a_full_page_nothing_is_known(monkeypatch, heeds_start, order):
    monkeypatch.setattr(s3vacancy, "AHEAD", 99)
    taken = [f"d/f{n}" for n in range(7)] + ["d/f2/x", "d/f2.txt", "d/g/x", "d/g.txt"]
    bucket, vacancies = Bucket(*taken, heeds_start=heeds_start, order=order), Vacancies()
    vacancies.is_free("d/a", bucket)
    for _ in range(3):
        for key in sorted([*taken, "d/f3x", "d/g", "d/gx"]):
            free = vacancies.is_free(key, bucket)
            assert not (free and key in (*taken, "d/g")), key
    assert vacancies.is_free("d/gy", bucket) is heeds_start


def test_where_a_page_saves_no_look_none_is_asked_for():
    bucket = Bucket(*(f"d/f{n:03}" for n in range(999)))
    vacancies = Vacancies()
    free = [vacancies.is_free(f"d/f{n:03}x", bucket) for n in range(0, 999, 9)]
    assert len(bucket.asked) == sum(free) == s3vacancy.AHEAD + 1


def test_a_page_is_believed_for_a_moment_only(monkeypatch):
    bucket, vacancies = Bucket(), Vacancies()
    vacancies.is_free("d/a", bucket)
    assert vacancies.is_free("d/b", bucket)
    bucket.keys.append("d/c")
    monkeypatch.setattr(s3vacancy.time, "monotonic", lambda: 1e12)
    assert not vacancies.is_free("d/c", bucket)


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
