"""Power cuts in the middle of a fetch: an ext4 of its own loses all that was not synced."""

from __future__ import annotations

import hashlib
import random
import time
from pathlib import Path

from .servers.chaos import noise
from .servers.disk import Disk
from .servers.nginx import running_nginx
from .servers.worker import WorkerProcess, run_message

SEED = 1859


def test_power_cuts_while_a_file_is_fetched(disk: Disk, tmp_path: Path) -> None:
    draw, cuts = random.Random(SEED), 0
    data = noise(64 << 20, 6)
    with running_nginx(tmp_path / "nginx", slow="8m") as nginx:
        (nginx.files / "p.bin").write_bytes(data)
        source = f"{nginx.url}/slow/p.bin"
        while True:
            worker = WorkerProcess(tmp_path)
            worker.wait_for("ready")
            worker.send(**run_message(disk.folder, source))
            if cuts == 6:
                break
            first = worker.wait_for("progress")["progress"]["bytes_done"]
            target = first + draw.randrange(1 << 20, 12 << 20)
            while worker.wait_for("progress")["progress"]["bytes_done"] < target:
                pass
            time.sleep(draw.random() / 4)
            disk.cut()
            worker.kill()
            cuts += 1
            disk.power_on()
            assert not (disk.folder / "p.bin").exists()
        assert worker.wait_for("end")["state"] == "done"
        worker.kill()
        found = hashlib.sha256((disk.folder / "p.bin").read_bytes())
        assert found.digest() == hashlib.sha256(data).digest()
        # Cut right after the end was told: the file and its name are on disk.
        disk.cut()
        disk.power_on()
        found = hashlib.sha256((disk.folder / "p.bin").read_bytes())
        assert found.digest() == hashlib.sha256(data).digest()
        # Without the synced parts every cut would cost all that was fetched before it.
        assert nginx.bytes_sent() < 2.5 * len(data)
