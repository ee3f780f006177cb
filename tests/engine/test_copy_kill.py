"""A worker that copies is killed again and again: the file stands there whole or not at all, and
no kill costs more than what was under way, neither at the source nor at the destination."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ..servers.chaos import ChaosServer, Resource, noise
from ..servers.s3 import KEY, SECRET, S3Server, running_juicefs
from ..servers.sshd import PASSPHRASE, Sshd, running_sshd
from ..servers.toxics import Toxics, running_toxics
from ..servers.worker import run_message
from .killing import Killing

MIB = 1 << 20
SIZE = 40 * MIB
AT_RISK = 16 * MIB
KILLS = [3, pytest.param(40, marks=pytest.mark.soak)]


class KillingCopies(Killing):
    """Counts what goes to the destination."""

    def count(self) -> int:
        return self.proxy.counts.passed


def copy_message(work: Path, source: str, destination: str, **options: object) -> dict:
    """The message that makes a worker copy `source` to `destination`."""
    (work / "root").mkdir(exist_ok=True)
    more = {"kind": "copy", "options": options, "state_dir": str(work / "state")}
    return run_message(work / "root", source, destination, **more)


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with running_juicefs(tmp_path_factory.mktemp("juicefs")) as server:
        server.client().create_bucket(Bucket="kills")
        yield server


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def kill_again_and_again(killing: Killing, chaos: ChaosServer, kills: int, seed: int) -> dict:
    """The end of the worker that is let live."""
    draw, killed = random.Random(seed), 0
    for _ in range(kills):
        killed += killing.run_and_kill(draw.randrange(SIZE // kills))
    end = killing.finish()
    assert end["state"] == "done", end
    assert killed >= kills - 1
    again = (killing.count() - SIZE) / killed
    fetched = (sum(one.sent for one in chaos.requests) - SIZE) / killed
    assert again <= AT_RISK + MIB // 2, f"{again / MIB:.1f} MiB a kill"
    assert fetched <= AT_RISK + 4 * MIB, f"{fetched / MIB:.1f} MiB a kill at the source"
    return end


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", KILLS)
def test_kills_while_a_file_is_copied_to_s3(
    tmp_path: Path, chaos: ChaosServer, s3: S3Server, kills: int
):
    source, client = Resource(noise(SIZE)), s3.client()
    with running_toxics(int(s3.url.rpartition(":")[2]), lambda _: Toxics()) as proxy:
        options = {
            "endpoint": f"http://127.0.0.1:{proxy.port}",
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }
        address = f"s3://kills/{kills}.bin"
        message = copy_message(tmp_path, chaos.add("/f", source), address, **options)
        end = kill_again_and_again(KillingCopies(tmp_path, proxy, message), chaos, kills, 21)
    assert (end["verified"], end["unverified"]) == (None, "no_digest")
    assert client.get_object(Bucket="kills", Key=f"{kills}.bin")["Body"].read() == source.data
    assert not client.list_multipart_uploads(Bucket="kills").get("Uploads")
    assert list((tmp_path / "root").iterdir()) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", KILLS)
def test_kills_while_a_file_is_copied_to_sftp(
    tmp_path: Path,
    chaos: ChaosServer,
    sshd: Sshd,
    kills: int,
    monkeypatch: pytest.MonkeyPatch,
):
    source, target = Resource(noise(SIZE)), tmp_path / "out" / "big.bin"
    with running_toxics(sshd.port, lambda _: Toxics()) as proxy:
        options = {
            "key_file": str(sshd.key),
            "passphrase": PASSPHRASE,
            "host_key": sshd.fingerprint(),
        }
        address = f"sftp://127.0.0.1:{proxy.port}{target}"
        message = copy_message(tmp_path, chaos.add("/f", source), address, **options)
        kill_again_and_again(KillingCopies(tmp_path, proxy, message), chaos, kills, 22)
    assert target.read_bytes() == source.data
    assert [path.name for path in target.parent.iterdir()] == ["big.bin"]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("rounds", [2, pytest.param(100, marks=pytest.mark.soak)])
def test_a_source_that_changes_between_kills_is_never_mixed(
    tmp_path: Path, chaos: ChaosServer, s3: S3Server, rounds: int
):
    draw, client = random.Random(23), s3.client()
    states = [noise(20 * MIB), noise(21 * MIB)]
    with running_toxics(int(s3.url.rpartition(":")[2]), lambda _: Toxics()) as proxy:
        options = {
            "endpoint": f"http://127.0.0.1:{proxy.port}",
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "conflict": "overwrite",
        }
        source = Resource()
        message = copy_message(
            tmp_path, chaos.add("/f", source), "s3://kills/swapped.bin", **options
        )
        for number in range(rounds):
            source.data, source.etag = states[number % 2], f'"v{number}"'
            killing = KillingCopies(tmp_path, proxy, message)
            killing.run_and_kill(draw.randrange(20 * MIB))
            source.data, source.etag = states[(number + 1) % 2], f'"w{number}"'
            end = killing.finish()
            assert end["state"] == "done", end
            there = client.get_object(Bucket="kills", Key="swapped.bin")["Body"].read()
            assert there in (source.data, states[number % 2])
    assert not client.list_multipart_uploads(Bucket="kills").get("Uploads")
