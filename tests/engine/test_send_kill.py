"""A worker that sends is killed again and again: the file stands there whole or not at all, and
no kill costs more than what was under way."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ..servers.chaos import noise
from ..servers.s3 import KEY, SECRET, S3Server, running_juicefs
from ..servers.toxics import Toxics, running_toxics
from ..servers.webdav import running_webdav
from .killing import Killing, send_message

MIB = 1 << 20
SIZE = 96 * MIB
AT_RISK = 16 * MIB


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with running_juicefs(tmp_path_factory.mktemp("juicefs")) as server:
        server.client().create_bucket(Bucket="kills")
        yield server


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [6, pytest.param(40, marks=pytest.mark.soak)])
def test_kills_while_an_object_of_s3_is_sent(tmp_path: Path, s3: S3Server, kills: int):
    data, draw, client = noise(SIZE), random.Random(11), s3.client()
    with running_toxics(int(s3.url.rpartition(":")[2]), lambda _: Toxics()) as proxy:
        options = {
            "endpoint": f"http://127.0.0.1:{proxy.port}",
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }
        killing = Killing(
            tmp_path, proxy, send_message(tmp_path, f"s3://kills/{kills}.bin", **options)
        )
        (tmp_path / "root" / "big.bin").write_bytes(data)
        killed = 0
        for _ in range(kills):
            killed += killing.run_and_kill(draw.randrange(SIZE // kills))
            there = client.list_objects_v2(Bucket="kills", Prefix=f"{kills}.bin")
            assert there.get("KeyCount") in (0, 1)
            for found in there.get("Contents", []):
                assert found["Size"] == SIZE
        end = killing.finish()
        assert end["state"] == "done", end
        assert killed >= kills - 1
        again = proxy.counts.passed - SIZE
        assert again <= killed * AT_RISK + 2 * MIB, f"{again / killed / MIB:.1f} MiB a kill"
    assert client.get_object(Bucket="kills", Key=f"{kills}.bin")["Body"].read() == data
    assert not client.list_multipart_uploads(Bucket="kills").get("Uploads")
    assert killing.rows[0]["state"] == "done"


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
