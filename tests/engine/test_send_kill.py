"""Kills in the middle of objects of S3 and of files that go to WebDAV: what arrives stands there
whole or not at all, and no kill costs more than what was under way."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from ..servers.chaos import noise
from ..servers.s3 import KEY, SECRET, S3Server, running_juicefs
from ..servers.toxics import ToxicProxy, Toxics, running_toxics
from ..servers.webdav import running_webdav
from .killing import MIB, SIZES, Killing, fetch_message, large, note_cost, send_message


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with running_juicefs(tmp_path_factory.mktemp("juicefs")) as server:
        server.client().create_bucket(Bucket="kills")
        yield server


@pytest.fixture
def proxy(s3: S3Server):
    with running_toxics(int(s3.url.rpartition(":")[2]), lambda _: Toxics()) as running:
        yield running


def access(proxy: ToxicProxy) -> dict[str, str]:
    endpoint = f"http://127.0.0.1:{proxy.port}"
    return {"endpoint": endpoint, "access_key_id": KEY, "secret_access_key": SECRET}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "kills"), SIZES)
def test_kills_while_an_object_of_s3_is_fetched(tmp_path, s3, proxy, size, kills, record_property):
    data, draw = large(size, 13), random.Random(13)
    s3.client().upload_fileobj(io.BytesIO(data), "kills", f"down{size}.bin")
    source = f"s3://kills/down{size}.bin"
    killing = Killing(tmp_path, proxy, fetch_message(tmp_path, source, **access(proxy)))
    target = tmp_path / "root" / f"down{size}.bin"
    killed = 0
    for _ in range(kills):
        killed += killing.run_and_kill(draw.randrange(size // kills))
        assert not target.exists() or target.read_bytes() == data
    end = killing.finish()
    assert end["state"] == "done", end
    assert target.read_bytes() == data
    assert killed >= kills - 1
    note_cost(record_property, size, killed, killing.count() - size, killing.costs())


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "kills"), SIZES)
def test_kills_while_an_object_of_s3_is_sent(tmp_path, s3, proxy, size, kills, record_property):
    data, draw, client, key = large(size, 11), random.Random(11), s3.client(), f"up{size}.bin"
    message = send_message(tmp_path, f"s3://kills/{key}", **access(proxy))
    (tmp_path / "root" / "big.bin").write_bytes(data)
    killing = Killing(tmp_path, proxy, message)
    killed = 0
    for _ in range(kills):
        killed += killing.run_and_kill(draw.randrange(size // kills))
        there = client.list_objects_v2(Bucket="kills", Prefix=key)
        assert there.get("KeyCount") in (0, 1)
        for found in there.get("Contents", []):
            assert found["Size"] == size
    end = killing.finish()
    assert end["state"] == "done", end
    assert killed >= kills - 1
    assert client.get_object(Bucket="kills", Key=key)["Body"].read() == data
    assert not client.list_multipart_uploads(Bucket="kills").get("Uploads")
    assert killing.rows[0]["state"] == "done"
    note_cost(record_property, size, killed, killing.count() - size)


@pytest.mark.parametrize("kills", [6, pytest.param(40, marks=pytest.mark.soak)])
def test_kills_while_a_file_is_sent_by_webdav(tmp_path: Path, kills: int):
    """A PUT begins anew; but nothing half stands there, and nothing is left over."""
    size = 16 * MIB
    data, draw = noise(size), random.Random(12)
    with (
        running_webdav(tmp_path / "dav" / "files") as server,
        running_toxics(server.port, lambda _: Toxics()) as proxy,
    ):
        url = f"http://127.0.0.1:{proxy.port}/d/big.bin"
        killing = Killing(tmp_path, proxy, send_message(tmp_path, url))
        (tmp_path / "root" / "big.bin").write_bytes(data)
        for _ in range(kills):
            killing.run_and_kill(draw.randrange(size + MIB // 8))
            file = server.files / "d" / "big.bin"
            assert not file.exists() or file.read_bytes() == data
        end = killing.finish()
        assert end["state"] == "done", end
        assert end["verified"] is True
        assert server.names() == ["d/big.bin"]
        assert (server.files / "d" / "big.bin").read_bytes() == data
