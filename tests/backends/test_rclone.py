"""The rclone backend: remotes of an rclone.conf, read through a private server."""

from __future__ import annotations

import hashlib
import json
import os
import time
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

from jupyter_transfer.backends import rclone as backend_module
from jupyter_transfer.backends import rclone_program
from jupyter_transfer.backends.base import Context, Digest
from jupyter_transfer.backends.rclone import Place, RcloneBackend
from jupyter_transfer.backends.sink import SourceFile
from jupyter_transfer.engine.client import opened
from jupyter_transfer.errors import TransferError
from jupyter_transfer.secrets import Credential

from ..servers.chaos import noise
from ..servers.rclone import obscured, rclone, run_rclone, served, write_config
from ..servers.worker import WorkerProcess, run_message
from .contract import ODD_NAMES, BackendContract
from .contract_send import SinkContract
from .site import Access, CannotHold, Site


@pytest.fixture
def config(tmp_path, monkeypatch):
    """An rclone.conf of this test: call it with remotes by name."""
    rclone()
    path = tmp_path / "rclone.conf"
    monkeypatch.setenv("RCLONE_CONFIG", str(path))
    return lambda **remotes: write_config(path, **remotes)


@pytest.fixture
def folder(tmp_path_factory):
    """The folder of a service; not beside the root of the jobs."""
    folder = tmp_path_factory.mktemp("service") / "remote"
    folder.mkdir()
    return folder


class FolderSite(Site):
    """A folder on this disk, seen through some remote."""

    _moments = count(1_600_000_000, 10)

    def __init__(self, folder: Path, remote: str = "rclone://it") -> None:
        self.folder = folder
        self._remote = remote
        self.secrets: tuple[str, ...] = ()

    def put(self, name, data):
        path = self.folder / name
        segments = name.split("/")
        if any(part in ("", ".", "..") or len(part.encode()) > 255 for part in segments):
            raise CannotHold
        path.parent.mkdir(parents=True, exist_ok=True)
        new = self.folder.parent / "new"
        new.write_bytes(data)
        moment = next(self._moments)
        os.utime(new, (moment, moment))
        new.rename(path)

    def access(self, name=""):
        return Access(f"{self._remote}/{quote(name)}", secrets=self.secrets)

    def read(self, name):
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def leftovers(self):
        return [name for name in self.names() if name.endswith(".partial")]

    def names(self):
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file()
        )


class TestLocal(BackendContract):
    """A remote of the type alias: no hashes without reading, times in nanoseconds."""

    @pytest.fixture
    def site(self, folder, config):
        config(it={"type": "alias", "remote": str(folder)})
        return FolderSite(folder)


PASSWORD = "canary-7f3a-webdav"


class WebdavSite(FolderSite):
    """The same through WebDAV, with a password."""

    def denied(self, name, how):
        return Access(f"rclone://{how}/{quote(name)}", secrets=("wrong-canary",))


def webdav(folder, config):
    """A WebDAV with a password, and remotes with the right one, a wrong one and none."""
    with served("webdav", folder, "--user", "u", "--pass", PASSWORD) as port:
        url = f"http://127.0.0.1:{port}"
        hidden = obscured(PASSWORD)
        config(
            it={"type": "webdav", "url": url, "user": "u", "pass": hidden},
            wrong={"type": "webdav", "url": url, "user": "u", "pass": obscured("wrong-canary")},
            missing={"type": "webdav", "url": url},
        )
        site = WebdavSite(folder)
        site.secrets = (PASSWORD, hidden)
        yield site


class TestWebdav(BackendContract):
    """A service with a password that states times in seconds and no hashes."""

    @pytest.fixture
    def site(self, folder, config):
        yield from webdav(folder, config)


# ---- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("rclone://it", "it:"),
        ("rclone://it/", "it:"),
        ("rclone://it/a/b.bin", "it:a/b.bin"),
        ("rclone://it/a/", "it:a"),
        ("rclone://it//etc/x", "it:/etc/x"),
        ("rclone://my%20remote/-x", "my remote:-x"),
        ("rclone://a%40b.c+d/%3F%23%25", "a@b.c+d:?#%"),
        ("rclone://数据/集", "数据:集"),
        ("rclone://It_x-1/a:b,c=d", "It_x-1:a:b,c=d"),
    ],
)
def test_an_address_as_rclone_writes_it(address, written):
    place = Place.parse(address)
    assert str(place) == written
    assert Place.parse(place.address) == place


@pytest.mark.parametrize(
    "address",
    [
        "rclone:///etc",
        "rclone://-x/y",
        "rclone://--config=x/y",
        "rclone://:local/etc",
        "rclone://:local:/etc",
        "rclone://%3Alocal/etc",
        "rclone://%3Asftp,ssh=touch%20x/y",
        "rclone://remote,opt=x/y",
        "rclone://remote%2Copt=x/y",
        "rclone://remote:/y",
        "rclone://remote%3A/y",
        "rclone://a%2Fb/c",
        "rclone://it/../x",
        "rclone://it/a/%2e%2e/x",
        "rclone://it/./x",
        "rclone://it/a//b",
        "rclone://it/a%00b",
        "rclone://it%00/a",
        "rclone://it%0A/a",
        "rclone://%20it/a",
        "rclone://it/a?b",
        "rclone://it/a#b",
        "rclone://it/%ff",
        "rclone://[it/a",
    ],
)
def test_a_hostile_address_is_refused_before_anything_is_started(address, monkeypatch):
    monkeypatch.setattr(rclone_program, "program", lambda: pytest.fail("it was started"))
    with pytest.raises(TransferError) as caught:
        RcloneBackend(Context()).check(address)
    assert caught.value.code == "invalid_address"


def test_a_password_in_the_address_is_refused():
    with pytest.raises(TransferError) as caught:
        RcloneBackend(Context(credential=Credential("u", "hush"))).check("rclone://it/a")
    assert caught.value.code == "bad_request"
    assert "hush" not in str(caught.value.as_dict())


# ---- the program --------------------------------------------------------------------------------


@pytest.fixture
def fresh_search():
    """The search for the program begins anew, before and after."""
    rclone_program.program.cache_clear()
    yield
    rclone_program.program.cache_clear()


def fake(folder: Path, version: str) -> str:
    path = folder / "rclone"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("version", ["rclone v1.60.1-DEV", "rclone v1.75.0", "nonsense"])
def test_a_version_that_is_too_old_is_refused(
    harness, tmp_path, monkeypatch, fresh_search, version
):
    old = fake(tmp_path, version)
    monkeypatch.setattr(rclone_program, "candidates", lambda name: [old])
    outcome = harness.run("rclone://it/x")
    assert (outcome.state, outcome.error.code) == ("failed", "tool_missing")
    assert "1.75.1 or newer" in outcome.error.message
    if "1.60" in version:
        assert "1.60.1" in outcome.error.message
    assert "jupyter_transfer[rclone]" in outcome.error.remedy


def test_no_rclone_at_all(harness, monkeypatch, fresh_search):
    monkeypatch.setattr(rclone_program, "candidates", lambda name: [])
    outcome = harness.run("rclone://it/x")
    assert (outcome.state, outcome.error.code) == ("failed", "tool_missing")
    assert "no rclone" in outcome.error.message


def test_the_first_that_is_new_enough_is_taken(tmp_path, monkeypatch, fresh_search):
    (tmp_path / "new").mkdir()
    old, new = fake(tmp_path, "rclone v1.60.1"), fake(tmp_path / "new", "rclone v1.99.0")
    monkeypatch.setattr(rclone_program, "candidates", lambda name: [old, new])
    assert rclone_program.program() == new


def test_variables_that_stand_for_flags_do_not_reach_it(monkeypatch):
    monkeypatch.setenv("RCLONE_RC_ADDR", "0.0.0.0:5572")
    monkeypatch.setenv("RCLONE_METADATA_MAPPER", "/bin/evil")
    monkeypatch.setenv("RCLONE_CONFIG", "/c")
    monkeypatch.setenv("RCLONE_CONFIG_MY_TYPE", "memory")
    made = rclone_program.environment({"RCLONE_CONFIG_X_TYPE": "s3"})
    assert {name: value for name, value in made.items() if name.startswith("RCLONE_")} == {
        "RCLONE_CONFIG": "/c",
        "RCLONE_CONFIG_MY_TYPE": "memory",
        "RCLONE_CONFIG_X_TYPE": "s3",
    }


# ---- what only it has ---------------------------------------------------------------------------


def test_the_remotes_can_be_browsed(harness, config, folder):
    config(it={"type": "alias", "remote": str(folder)}, **{"my other": {"type": "memory"}})
    with opened("rclone://it", harness.context({})) as (backend, _):
        found = {entry.path: entry.address for entry in backend.browse("rclone://")}
    assert found == {"it/": "rclone://it/", "my other/": "rclone://my%20other/"}


def test_the_list_of_remotes_is_no_source(harness):
    """It can be looked at, so `check` lets it pass."""
    outcome = harness.run("rclone://")
    assert (outcome.state, outcome.error.code) == ("failed", "invalid_address")


def test_a_remote_that_does_not_exist(harness, config):
    config(it={"type": "memory"})
    outcome = harness.run("rclone://other/x")
    assert (outcome.state, outcome.error.code) == ("failed", "invalid_address")


def test_find_and_delete(harness, config, folder):
    site = FolderSite(folder)
    config(it={"type": "alias", "remote": str(folder)})
    site.put("d/a b.bin", b"12345")
    with opened("rclone://it", harness.context({})) as (backend, _):
        entry = backend.find("rclone://it/d/a%20b.bin")
        assert (entry.path, entry.size) == ("a b.bin", 5)
        assert entry.mtime_ns == (folder / "d/a b.bin").stat().st_mtime_ns
        assert backend.find("rclone://it/d").path == "d/"
        assert backend.find("rclone://it/d/none") is None
        none = backend_module.replace(entry, address="rclone://it/d/none")
        outcomes = backend.delete([entry, none])
    assert outcomes == [None, None]
    assert site.names() == []


def test_a_digest_that_the_service_states_verifies(harness, config, folder):
    """Object stores state the MD5 of what was sent in one piece."""
    (folder / "bucket").mkdir()
    site = FolderSite(folder / "bucket")
    site.put("f.bin", os.urandom(300_000))
    key = ("accesskeyid0123456789", "secretkey0123456789012345678901234567890")
    with served("s3", folder, "--auth-key", ",".join(key)) as port:
        config(
            it={
                "type": "s3",
                "provider": "Rclone",
                "endpoint": f"http://127.0.0.1:{port}",
                "access_key_id": key[0],
                "secret_access_key": key[1],
            }
        )
        outcome = harness.run("rclone://it/bucket/f.bin")
        assert (outcome.state, outcome.error) == ("done", None)
        assert outcome.verified is True
        assert harness.report.files[0]["digest"].startswith("md5:")
        assert (harness.folder / "f.bin").read_bytes() == site.read("f.bin")


def test_nothing_listens_at_a_network_address_and_nothing_stays(harness, config, folder):
    site = FolderSite(folder)
    config(it={"type": "alias", "remote": str(folder)})
    site.put("f.bin", b"x" * 100)
    with opened("rclone://it", harness.context({})) as (backend, _):
        (entry,) = backend.entries("rclone://it/f.bin")
        socket = Path(backend.locate(entry).unix_socket)
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        pid = backend._server._child.pid
        inodes = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
        listening = [
            line.split()[9]
            for table in ("tcp", "tcp6", "udp", "udp6")
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        ]
        assert not [inode for inode in listening if f"socket:[{inode}]" in inodes]
    assert not socket.parent.exists()
    assert not Path(f"/proc/{pid}").exists()


def test_a_private_server_that_dies_is_started_again(harness, config, folder):
    site = FolderSite(folder)
    config(it={"type": "alias", "remote": str(folder)})
    site.put("f.bin", b"x" * 100)
    with opened("rclone://it", harness.context({})) as (backend, _):
        (entry,) = backend.entries("rclone://it/f.bin")
        backend.locate(entry)
        backend._server._child.stop()
        assert backend.find("rclone://it/f.bin").size == 100


def test_a_swap_in_the_middle_is_never_mixed(harness, config, folder):
    """The private server may answer from what it knew: only the last look tells."""
    site = FolderSite(folder)
    config(it={"type": "alias", "remote": str(folder)})
    states = [bytes([n]) * 500_000 for n in range(1, 6)]
    for swap in range(12):
        site.put("f.bin", states[0])
        done = []

        def swap_now(counts, at=swap, done=done):
            if len(done) < 2 and counts["bytes_done"] >= at * 40_000:
                done.append(at)
                site.put("f.bin", states[len(done)])

        harness.fresh_control()
        harness.report.on_progress = swap_now
        outcome = harness.run("rclone://it/f.bin", f"{swap}/")
        assert (outcome.state, outcome.error) == ("done", None)
        assert (harness.folder / str(swap) / "f.bin").read_bytes() in states


def test_no_secret_is_in_an_argument(harness, config, folder, monkeypatch):
    site = FolderSite(folder)
    site.put("f.bin", b"x" * 100)
    with served("webdav", folder, "--user", "u", "--pass", PASSWORD) as port:
        hidden = obscured(PASSWORD)
        url = f"http://127.0.0.1:{port}"
        config(it={"type": "webdav", "url": url, "user": "u", "pass": hidden})
        with opened("rclone://it", harness.context({})) as (backend, _):
            (entry,) = backend.entries("rclone://it/f.bin")
            backend.locate(entry)
            pid = backend._server._child.pid
            shown = (
                Path(f"/proc/{pid}/cmdline").read_bytes()
                + json.dumps(list(backend._server._child.said)).encode()
            )
    assert PASSWORD.encode() not in shown
    assert hidden.encode() not in shown


# ---- sending ------------------------------------------------------------------------------------


class SendContract:
    """What holds for jobs that send, of the conformance suite of sinks: rclone is no sink."""

    large = 4_000_000
    hides = True
    parts = False
    backend = SinkContract.backend
    job = SinkContract.job
    test_a_job_sends_a_folder = SinkContract.test_a_job_sends_a_folder
    test_a_second_job_sends_nothing = SinkContract.test_a_second_job_sends_nothing

    test_cancelled_leaves_nothing = SinkContract.test_a_job_that_is_cancelled_leaves_nothing
    test_a_name_that_is_taken = SinkContract.test_a_name_that_is_taken
    test_no_credential = SinkContract.test_a_job_without_the_right_credential
    removes_folders = True
    test_deleting = SinkContract.test_deleting
    test_finding = SinkContract.test_finding

    @pytest.mark.parametrize("size", [0, 1, 4_000_000])
    def test_a_file_is_sent_whole_with_its_time(self, harness, site, size):
        data = noise(size)
        path = harness.folder / "f.bin"
        path.write_bytes(data)
        os.utime(path, ns=(1_600_000_000 * 10**9, 1_600_000_000 * 10**9))
        outcome = self.job(harness, site.access("f.bin"))
        assert (outcome.state, outcome.error) == ("done", None)
        assert site.read("f.bin") == data
        (row,) = harness.report.files
        assert (row["size"], row["verified"]) == (size, outcome.verified)
        if outcome.verified:
            algorithm, _, value = row["digest"].partition(":")
            assert hashlib.new(algorithm, data).hexdigest() == value
        else:
            assert row["unverified"] == "no_digest"

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names(self, harness, site, name):
        (harness.folder / "f.bin").write_bytes(name.encode())
        assert self.job(harness, site.access(name)).state == "done"
        assert site.read(name) == name.encode()

    def test_a_paused_job_goes_on(self, harness, site):
        for number in range(4):
            folder = harness.folder / "d"
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.bin").write_bytes(noise(500_000, seed=number))
        harness.control.bandwidth.rate = 500_000

        def pause(counts):
            if counts["files_done"] == 1 and counts["bytes_done"] > 600_000:
                harness.control.pause()

        harness.report.on_progress = pause
        assert self.job(harness, site.access(), "d").state == "paused"
        assert [name.rpartition("/")[2] for name in site.names()] == ["0.bin"]
        harness.fresh_control()
        harness.report.counts.clear()
        rows = harness.delivered("d")
        outcome = self.job(harness, site.access(), "d", delivered=rows)
        assert (outcome.state, outcome.error) == ("done", None)
        assert harness.report.counts[-1]["bytes_moved"] < 1_600_000
        for number in range(4):
            (there,) = [name for name in site.names() if name.endswith(f"{number}.bin")]
            assert site.read(there) == noise(500_000, seed=number)


class TestSendLocal(SendContract):
    @pytest.fixture
    def site(self, folder, config):
        config(it={"type": "alias", "remote": str(folder)})
        return FolderSite(folder)

    def test_it_is_verified(self, harness, site):
        (harness.folder / "f.bin").write_bytes(b"abc")
        assert self.job(harness, site.access("f.bin")).verified is True

    def test_the_limit_holds_and_changes_while_it_runs(self, harness, site):
        (harness.folder / "f.bin").write_bytes(noise(4_000_000))
        harness.control.bandwidth.rate = 1_000_000
        begun = time.monotonic()

        def faster(counts):
            if counts["bytes_done"] > 1_000_000:
                harness.control.bandwidth.rate = None

        harness.report.on_progress = faster
        assert self.job(harness, site.access("f.bin")).state == "done"
        assert 0.5 < time.monotonic() - begun < 3.5

    def begun(self, backend, address, size):
        """The sink of a file of `size` bytes that is new at `address`."""
        sink = backend.sink(address, SourceFile("f.bin", size))
        assert list(sink.begin(None)) == []
        return sink

    def test_the_limit_holds_from_the_first_byte(self, harness, site):
        """It used to be set after the copy had begun, when a file of some MB was over already."""
        path = harness.folder / "f.bin"
        path.write_bytes(noise(4_000_000))
        address = site.access("f.bin").address
        with self.backend(harness, site.access()) as (backend, _), path.open("rb") as file:
            sink = self.begun(backend, address, 4_000_000)
            sending = backend.start([(file.fileno(), sink)], rate=500_000)
            time.sleep(0.3)
            done, moved = sending.poll()
            assert sending.stop(backend.caller, keep=True) == [True]
        assert (done, site.names()) == (False, [])
        assert moved < 1_000_000

    def test_a_limit_that_is_lifted_between_two_files(self, harness, site):
        path = harness.folder / "f.bin"
        path.write_bytes(noise(300_000))
        with self.backend(harness, site.access()) as (backend, _), path.open("rb") as file:
            for number, rate in enumerate((10_000_000, None)):
                sink = self.begun(backend, site.access(f"{number}.bin").address, 300_000)
                sending = backend.start([(file.fileno(), sink)], rate=rate)
                while not sending.poll()[0]:
                    time.sleep(0.01)
            assert backend._server.ask("core/bwlimit")["bytesPerSecond"] == -1

    def test_stopping_takes_less_than_a_second(self, harness, site):
        (harness.folder / "f.bin").write_bytes(noise(4_000_000))
        harness.control.bandwidth.rate = 200_000
        asked = []

        def pause(counts):
            if counts["bytes_done"] and not asked:
                asked.append(time.monotonic())
                harness.control.pause()

        harness.report.on_progress = pause
        assert self.job(harness, site.access("f.bin")).state == "paused"
        assert time.monotonic() - asked[0] < 1
        assert site.names() == []

    @pytest.mark.parametrize("how", ["pause", "cancel"])
    def test_many_files_that_are_stopped(self, harness, site, how):
        """What is whole is known when it goes on; nothing else stays."""
        (harness.folder / "d").mkdir()
        files = {f"{number}.bin": noise(20_000, seed=number) for number in range(60)}
        for name, data in files.items():
            (harness.folder / "d" / name).write_bytes(data)
        harness.control.bandwidth.rate = 600_000
        asked = []

        def stop(counts):
            if counts["bytes_done"] > 100_000 and not asked:
                asked.append(time.monotonic())
                getattr(harness.control, how)()

        harness.report.on_progress = stop
        outcome = self.job(harness, site.access("o"), "d")
        assert outcome.state == {"pause": "paused", "cancel": "cancelled"}[how]
        assert time.monotonic() - asked[0] < 2
        done = {f"o/{row['path'].removeprefix('d/')}" for row in harness.report.files}
        assert {name for name in site.names() if not name.startswith("o/.")} == done
        if how == "cancel":
            assert site.leftovers() == []
            return
        harness.fresh_control()
        assert self.job(harness, site.access("o"), "d").state == "done"
        assert {name.removeprefix("o/"): site.read(name) for name in site.names()} == files
        assert harness.report.counts[-1]["files_done"] == 60

    def test_a_file_that_changes_meanwhile(self, harness, site):
        path = harness.folder / "f.bin"
        path.write_bytes(noise(4_000_000))
        harness.control.bandwidth.rate = 1_000_000
        changed = []

        def change(counts):
            if counts["bytes_done"] and not changed:
                changed.append(True)
                path.write_bytes(noise(900_000, seed=2))
                harness.control.bandwidth.rate = None

        harness.report.on_progress = change
        outcome = self.job(harness, site.access("f.bin"))
        assert (outcome.state, outcome.error) == ("done", None)
        assert site.read("f.bin") == noise(900_000, seed=2)

    def test_a_link_that_leads_out_is_not_sent(self, harness, site, tmp_path):
        secret = tmp_path / "secret"
        secret.write_bytes(b"secret")
        (harness.folder / "d").mkdir()
        (harness.folder / "d" / "link").symlink_to(secret)
        (harness.folder / "d" / "good").write_bytes(b"good")
        assert self.job(harness, site.access(), "d").state == "done"
        assert [site.read(name) for name in site.names()] == [b"good"]


class TestSendWebdav(SendContract):
    @pytest.fixture
    def site(self, folder, config):
        yield from webdav(folder, config)


class TestSendCrypt(SendContract):
    """A remote that encrypts: no hash in common, so nothing is called verified."""

    @pytest.fixture
    def site(self, folder, config, tmp_path):
        remote = {"type": "crypt", "remote": str(folder), "password": obscured(PASSWORD)}
        return CryptSite(folder, config(it=remote))

    @pytest.mark.parametrize("name", [name for name in ODD_NAMES if len(name) < 140])
    def test_odd_names(self, harness, site, name):
        super().test_odd_names(harness, site, name)


class CryptSite(FolderSite):
    """The folder as it is seen through the encryption."""

    def __init__(self, folder, config):
        super().__init__(folder)
        self._config = config

    def put(self, name, data):
        run_rclone("rcat", f"it:{name}", config=self._config, input=data)

    def read(self, name):
        return (
            run_rclone("cat", f"it:{name}", config=self._config) if name in self.names() else None
        )

    def names(self):
        listed = run_rclone("lsf", "-R", "--files-only", "it:", config=self._config).decode()
        return sorted(listed.splitlines())


# ---- services that cannot move -------------------------------------------------------------------


class TestSendInPlace:
    """A service that shows what has arrived of a file under its final name, and cannot move."""

    data = noise(100_000)

    @pytest.fixture
    def site(self, folder, config, monkeypatch):
        ability = RcloneBackend._ability

        def without_move(self, place):
            known = ability(self, place)
            return {**known, "Features": {**known["Features"], "Move": False}}

        monkeypatch.setattr(RcloneBackend, "_ability", without_move)
        config(it={"type": "alias", "remote": str(folder)})
        return FolderSite(folder)

    @pytest.fixture
    def sink(self, harness, site):
        """Makes the sink of the file, at hand or not, as one process after the other does."""
        with opened("rclone://it", harness.context({})) as (backend, _):

            def prefix(size, algorithm):
                return Digest(algorithm, hashlib.new(algorithm, self.data[:size]).hexdigest())

            def make(*, at_hand=True, **more):
                known = prefix if at_hand else None
                source = SourceFile("f.bin", len(self.data), prefix=known, **more)
                return backend.sink("rclone://it/f.bin", source)

            yield make

    def test_a_job(self, harness, site):
        (harness.folder / "f.bin").write_bytes(self.data)
        assert SinkContract.job(self, harness, site.access("f.bin")).state == "done"
        assert (site.names(), site.read("f.bin")) == (["f.bin"], self.data)

    def begun(self, sink):
        first = sink()
        assert list(first.begin(None)) == []
        return dict(first.state())

    @pytest.mark.parametrize("size", [0, 1, 60_000])
    def test_what_a_kill_left_is_known_to_be_ours(self, site, sink, size):
        state = self.begun(sink)
        site.put("f.bin", self.data[:size])
        assert list(sink().begin(state)) == []
        gone = sink()
        gone.begin(state)
        gone.abort()
        assert site.names() == []

    def test_the_whole_is_not_sent_again(self, site, sink):
        state = self.begun(sink)
        site.put("f.bin", self.data)
        again = sink()
        assert list(again.begin(state)) == [(0, len(self.data))]
        assert again.finish([]).size == len(self.data)
        again.abort()
        assert site.read("f.bin") == self.data

    @pytest.mark.parametrize("theirs", [b"theirs", noise(100_000, seed=3), noise(100_001)])
    @pytest.mark.parametrize("at_hand", [True, False])
    def test_what_somebody_else_put_there_is_left_alone(self, site, sink, theirs, at_hand):
        state = self.begun(sink)
        site.put("f.bin", theirs)
        with pytest.raises(TransferError) as caught:
            sink(at_hand=at_hand).begin(state)
        assert caught.value.code == "exists"
        assert site.read("f.bin") == theirs

    def test_what_was_to_be_replaced_stays_when_nothing_was_sent(self, site, sink):
        site.put("f.bin", self.data[:50])
        first = sink(replace=True)
        first.begin(None)
        second = sink(replace=True)
        assert list(second.begin(dict(first.state()))) == []
        second.abort()
        assert site.read("f.bin") == self.data[:50]


# ---- workers that are killed --------------------------------------------------------------------


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_workers_that_are_killed_lose_little_and_leave_no_process(config, folder, tmp_path):
    site = FolderSite(folder)
    config(it={"type": "alias", "remote": str(folder)})
    data = noise(96 << 20)
    site.put("f.bin", data)
    root = tmp_path / "root"
    root.mkdir()
    moved = 0
    for attempt in range(6):
        worker = WorkerProcess(tmp_path)
        worker.wait_for("ready")
        limit = None if attempt == 5 else 60 << 20
        worker.send(**run_message(root, "rclone://it/f.bin", bandwidth=limit))
        if limit is None:
            end = worker.wait_for("end")
            assert (end["state"], end["error"]) == ("done", None)
            moved += worker.of("progress")[-1]["progress"]["bytes_moved"]
            worker.kill()
            continue
        started = len(worker.seen)
        while worker.wait_for("progress")["progress"]["bytes_moved"] < (8 << 20):
            assert len(worker.seen) - started < 200
        moved += worker.of("progress")[-1]["progress"]["bytes_moved"]
        (child,) = children_of(worker.process.pid)
        worker.kill()
        end = time.monotonic() + 5
        while Path(f"/proc/{child}").exists() and time.monotonic() < end:
            time.sleep(0.02)
        assert not Path(f"/proc/{child}").exists()
    assert (root / "f.bin").read_bytes() == data
    assert moved - len(data) <= 5 * (16 << 20)


SENT = 12_000_000


@pytest.fixture(params=["alias", "webdav"])
def killed_site(request, folder, config):
    """A service that hides what is not whole by rclone's own means, and one that does not."""
    if request.param == "alias":
        config(it={"type": "alias", "remote": str(folder)})
        yield FolderSite(folder)
    else:
        yield from webdav(folder, config)


def kill_sending(work, root, source, address, *, after, bandwidth=8_000_000):
    """A worker that is killed when it has moved `after` bytes."""
    worker = WorkerProcess(work)
    try:
        worker.wait_for("ready")
        worker.send(**sending(work, root, source, address, bandwidth=bandwidth))
        while worker.wait_for("progress")["progress"]["bytes_moved"] < after:
            assert not worker.of("end")
    finally:
        worker.kill()


def sending(work, root, source, address, **more):
    more |= {"kind": "send", "state_dir": str(work / "state")}
    return run_message(root, source, address, **more)


def visible(site):
    return [name for name in site.names() if not name.rpartition("/")[2].startswith(".")]


def test_a_send_that_is_killed_leaves_nothing_under_the_final_name(killed_site, tmp_path):
    site, root, data = killed_site, tmp_path / "root", noise(SENT)
    root.mkdir()
    (root / "f.bin").write_bytes(data)
    address = site.access("f.bin").address
    for _ in range(2):
        kill_sending(tmp_path, root, "f.bin", address, after=SENT // 3)
        assert visible(site) == []
        assert len(site.leftovers()) == 1
    worker = WorkerProcess(tmp_path)
    worker.wait_for("ready")
    worker.send(**sending(tmp_path, root, "f.bin", address))
    end = worker.wait_for("end")
    worker.kill()
    assert (end["state"], end["error"]) == ("done", None)
    assert (site.names(), site.read("f.bin")) == (["f.bin"], data)


def test_a_killed_send_that_is_given_up_leaves_nothing(killed_site, tmp_path):
    site, root = killed_site, tmp_path / "root"
    root.mkdir()
    (root / "f.bin").write_bytes(noise(SENT))
    address = site.access("f.bin").address
    kill_sending(tmp_path, root, "f.bin", address, after=SENT // 3)
    worker = WorkerProcess(tmp_path)
    worker.wait_for("ready")
    message = sending(tmp_path, root, "f.bin", address)
    worker.send(**{**message, "op": "discard"})
    assert worker.wait_for("end")["error"] is None
    worker.kill()
    assert site.names() == []


def test_kills_while_many_files_are_sent(config, folder, tmp_path):
    site, root = FolderSite(folder), tmp_path / "root"
    config(it={"type": "alias", "remote": str(folder)})
    (root / "d").mkdir(parents=True)
    files = {f"{number}.bin": noise(20_000, seed=number) for number in range(300)}
    for name, data in files.items():
        (root / "d" / name).write_bytes(data)
    for after in (1_000_000, 2_500_000):
        kill_sending(tmp_path, root, "d", "rclone://it/o", after=after, bandwidth=6_000_000)
        for name in visible(site):
            assert site.read(name) == files[name.rpartition("/")[2]]
    worker = WorkerProcess(tmp_path)
    worker.wait_for("ready")
    worker.send(**sending(tmp_path, root, "d", "rclone://it/o"))
    end = worker.wait_for("end")
    worker.kill()
    assert (end["state"], end["error"]) == ("done", None)
    assert {name.removeprefix("o/"): site.read(name) for name in site.names()} == files
    assert sorted(row["file"]["path"] for row in worker.of("file")) == sorted(
        f"d/{name}" for name in files
    )
