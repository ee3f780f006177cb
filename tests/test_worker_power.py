"""Power cuts in the middle of a fetch: an ext4 of its own loses all that was not synced."""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .servers.chaos import noise
from .servers.nginx import running_nginx
from .servers.worker import WorkerProcess, run_message

FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = (2).to_bytes(4, "little")
SEED = 1859


class Disk:
    """An ext4 in a file, mounted at `folder`; `cut` takes its power away."""

    def __init__(self, image: Path, folder: Path) -> None:
        self.image, self.folder = image, folder
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(192 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
        self.mount()

    def mount(self) -> None:
        command = ["mount", "-o", "loop", str(self.image), str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True, capture_output=True)

    def cut(self) -> None:
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, NO_LOG_FLUSH)
        finally:
            os.close(fd)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    try:
        disk = Disk(tmp_path / "disk.img", tmp_path / "disk")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this container has no loop devices, or no mkfs.ext4")
    yield disk
    disk.unmount()


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
            disk.unmount()
            disk.mount()
            assert not (disk.folder / "p.bin").exists()
        assert worker.wait_for("end")["state"] == "done"
        worker.kill()
        found = hashlib.sha256((disk.folder / "p.bin").read_bytes())
        assert found.digest() == hashlib.sha256(data).digest()
        # Cut right after the end was told: the file and its name are on disk.
        disk.cut()
        disk.unmount()
        disk.mount()
        found = hashlib.sha256((disk.folder / "p.bin").read_bytes())
        assert found.digest() == hashlib.sha256(data).digest()
        # Without the synced parts every cut would cost all that was fetched before it.
        assert nginx.bytes_sent() < 2.5 * len(data)
