"""``browse``: one level of a service, as the panel looks around in it."""

from __future__ import annotations

import json

import pytest

from ..conftest import error_of
from ..servers.s3 import KEY, SECRET, running_rclone


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Options for a server with a bucket ``shelf``."""
    with running_rclone(tmp_path_factory.mktemp("s3")) as server:
        client = server.client()
        client.create_bucket(Bucket="shelf")
        for key in ("a.csv", "in a/b+c.csv"):
            client.put_object(Bucket="shelf", Key=key, Body=b"1,2\n")
        yield {
            "endpoint": server.url,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }


@pytest.fixture
def browse(ask):
    """The answer for an address."""

    async def answer(url: str, options: dict):
        return await ask("browse", method="POST", json={"url": url, "options": options})

    return answer


async def test_from_the_buckets_down_to_a_file(browse, shelf):
    (bucket,) = json.loads((await browse("s3://", shelf)).body)["entries"]
    assert (bucket["path"], bucket["address"], bucket["folder"]) == ("shelf/", "s3://shelf/", True)
    level = json.loads((await browse(bucket["address"], shelf)).body)
    assert level["complete"] is True
    found = {entry["path"]: entry for entry in level["entries"]}
    assert set(found) == {"a.csv", "in a/"}
    assert (found["a.csv"]["folder"], found["a.csv"]["size"]) == (False, 4)
    deeper = json.loads((await browse(found["in a/"]["address"], shelf)).body)
    (file,) = deeper["entries"]
    assert (file["path"], file["address"]) == ("b+c.csv", "s3://shelf/in a/b+c.csv")


async def test_what_is_not_there_and_who_is_not_known(browse, shelf):
    assert error_of(await browse("s3://nothing-here/", shelf))["code"] == "remote_not_found"
    refused = await browse("s3://", {**shelf, "secret_access_key": "wrong"})
    assert error_of(refused)["code"] == "needs_credentials"
    assert error_of(refused)["remedy"]
