"""A worker is killed again and again while it fetches at full speed: what a kill costs is counted
at the server."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from ..servers.nginx import running_nginx
from ..servers.worker import WorkerProcess
from .killing import MIB, durable, fetch_message, large, note_cost


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("size", "kills"), [(192 * MIB, 4), pytest.param(1024 * MIB, 20, marks=pytest.mark.soak)]
)
def test_kills_at_full_speed(tmp_path: Path, size: int, kills: int, record_property):
    data, draw = large(size, 31), random.Random(31)
    (tmp_path / "state").mkdir()
    target = tmp_path / "root" / "big.bin"
    killed, costs, sent, held = 0, [], 0, 0
    with running_nginx(tmp_path / "nginx") as nginx:
        (nginx.files / "big.bin").write_bytes(data)
        message = fetch_message(tmp_path, f"{nginx.url}/big.bin")
        while killed < kills and not target.exists():
            worker = WorkerProcess(tmp_path)
            worker.wait_for("ready")
            worker.send(**message)
            worker.wait_for("progress")
            time.sleep(draw.uniform(0, 0.06))
            killed += worker.process.poll() is None and not target.exists()
            worker.kill()
            time.sleep(0.05)  # nginx notices
            before, sent, held = sent - held, nginx.bytes_sent(), durable(tmp_path / "root")
            costs.append(sent - held - before)
        worker = WorkerProcess(tmp_path)
        worker.wait_for("ready")
        worker.send(**message)
        assert worker.wait_for("end")["state"] == "done"
        worker.kill()
        assert target.read_bytes() == data
        assert killed >= min(kills, 3)
        note_cost(record_property, size, killed, nginx.bytes_sent() - size, costs)
