"""The one conformance suite: what every backend that can be read from must do.

A backend's test file inherits `BackendContract`, gives it a `site` (a real server on loopback) and
adds what only that backend has::

    class TestMine(BackendContract):
        @pytest.fixture
        def site(self, my_server):
            return MySite(my_server)

What a service cannot do is declared by the class attributes below and by its `Site`; what follows
from that is skipped with the reason, nothing else is.
"""

from __future__ import annotations

import json
import random
import threading
import time
from typing import Any, ClassVar

import pytest

from jupyter_transfer.backends import find
from jupyter_transfer.backends.base import Entry
from jupyter_transfer.engine import ranged
from jupyter_transfer.engine.client import opened
from jupyter_transfer.engine.plan import probe, status_of
from jupyter_transfer.engine.transport import Exchange
from jupyter_transfer.names import safe_name

from ..engine.conftest import Harness
from ..servers.chaos import noise
from .site import Access, CannotHold, Site

DATA = noise(1_000_003)
OTHER = noise(1_000_003, seed=2)

ODD_NAMES = [
    "a b.bin",
    "100%.bin",
    "%41.bin",
    "a+b&c=d;e.bin",
    "what?.bin",
    "#1.bin",
    'it\'s "so" <x>.bin',
    "~tilde,comma@at!.bin",
    "数据 集.bin",
    "e\u0301te\u0301.bin",
    "🦆.bin",
    "[1]{2}|^`.bin",
    "n" * 240 + ".bin",
]

HOSTILE_NAMES = [
    "../out.bin",
    "a/../../out.bin",
    "..",
    "/abs.bin",
    "//double.bin",
    "a//b.bin",
    "./dot.bin",
    "back\\slash.bin",
    "..\\out.bin",
    "new\nline.bin",
    "n" * 300 + ".bin",
    ".jupyter-transfer/x.bin",
]


class BackendContract:
    """What holds for every backend that can be read from."""

    lists: ClassVar[bool] = True
    """Whether the address of a folder stands for all files below it."""

    ranges: ClassVar[bool] = True
    """Whether its locators can be fetched in parts and gone on with."""

    pinned: ClassVar[bool] = False
    """Whether a job goes on with the state that it was planned with, whatever comes after it."""

    @pytest.fixture
    def site(self) -> Site:
        raise NotImplementedError("the test of a backend says where its service is")

    # -- helpers --

    @staticmethod
    def start(harness: Harness, access: Access, destination: str = ".", **options: Any) -> Any:
        """Run one job with `access`; its outcome."""
        harness.credential = access.credential
        return harness.run(access.address, destination, **{**access.options, **options})

    @staticmethod
    def open(harness: Harness, access: Access) -> Any:
        """The backend of `access` and a transport, as the engine opens them."""
        harness.credential = access.credential
        return opened(access.address, harness.context(access.options))

    def entries(self, harness: Harness, access: Access) -> list[Entry]:
        with self.open(harness, access) as (backend, _):
            return list(backend.entries(access.address))

    def lasting(self, harness: Harness, act: Any, seconds: float = 2.0) -> None:
        """Let the next job of `DATA` take about `seconds`; `act` is called once in its middle."""
        harness.control.bandwidth.rate = int(len(DATA) / seconds)
        done = threading.Event()

        def look(counts: dict[str, Any]) -> None:
            if counts["bytes_done"] and not done.is_set():
                done.set()
                act()

        harness.report.on_progress = look

    # -- whole files --

    @pytest.mark.parametrize("size", [0, 1, 65536, 65537, len(DATA)])
    def test_one_file(self, harness, site, size):
        site.put("f.bin", DATA[:size])
        outcome = self.start(harness, site.access("f.bin"))
        assert (outcome.state, outcome.error) == ("done", None)
        assert (harness.folder / "f.bin").read_bytes() == DATA[:size]
        assert harness.names() == ["f.bin"]
        (row,) = harness.report.files
        assert (row["state"], row["size"]) == ("done", size)

    def test_verified_is_only_said_of_what_a_digest_proves(self, harness, site):
        site.put("f.bin", DATA)
        outcome = self.start(harness, site.access("f.bin"))
        (row,) = harness.report.files
        assert outcome.verified is row["verified"]
        assert row["verified"] is None or row["digest"]

    def test_a_second_run_moves_nothing(self, harness, site):
        site.put("f.bin", DATA)
        access = site.access("f.bin")
        assert self.start(harness, access).state == "done"
        delivered = harness.delivered(access.address)
        outcome = self.start(harness, access, id="again", delivered=delivered)
        assert outcome.state == "done"
        assert harness.report.files[-1]["state"] == "present"
        assert harness.report.counts[-1]["bytes_moved"] == 0

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_an_odd_name(self, harness, site, name):
        try:
            site.put(name, DATA[:1000])
        except CannotHold:
            pytest.skip("this service holds no such name")
        assert self.start(harness, site.access(name)).state == "done"
        (path,) = harness.names()
        assert path in (name, safe_name(name))

    # -- folders --

    def test_all_files_of_a_folder(self, harness, site):
        if not self.lists:
            pytest.skip("an address is one file")
        tree = {"a.bin": DATA[:10], "s/b.bin": DATA[:70000], "s/t/空 c.bin": b"", "s/t/d": b"d"}
        for name, data in tree.items():
            site.put(name, data)
        outcome = self.start(harness, site.access())
        assert (outcome.state, outcome.error) == ("done", None)
        assert harness.names() == sorted(tree)
        for name, data in tree.items():
            assert (harness.folder / name).read_bytes() == data

    def test_entries_are_lazy_and_true(self, harness, site):
        if not self.lists:
            pytest.skip("an address is one file")
        for name in ("s/a.bin", "s/b/c.bin", "d.bin"):
            site.put(name, DATA[:5])
        access = site.access()
        with self.open(harness, access) as (backend, _):
            entries = backend.entries(access.address)
            assert iter(entries) is entries
            found = {entry.path: entry for entry in entries}
        assert sorted(found) == ["d.bin", "s/a.bin", "s/b/c.bin"]
        assert {entry.size for entry in found.values()} <= {5, None}

    def test_odd_names_in_a_folder(self, harness, site):
        if not self.lists:
            pytest.skip("an address is one file")
        there = []
        for name in ODD_NAMES:
            try:
                site.put(name, name.encode())
            except CannotHold:
                continue
            there.append(name)
        assert self.start(harness, site.access()).state == "done"
        assert len(there) > 3
        for name in there:
            (path,) = (p for p in harness.folder.iterdir() if p.read_bytes() == name.encode())
            assert path.name in (name, safe_name(name))

    def test_hostile_names_lead_nowhere(self, harness, site):
        if not self.lists:
            pytest.skip("an address is one file")
        for name in HOSTILE_NAMES:
            try:
                site.put(name, b"hostile")
            except CannotHold:
                continue
        site.put("good.bin", b"good")
        self.start(harness, site.access())
        assert (harness.folder / "good.bin").read_bytes() == b"good"
        files = [path for path in harness.folder.parent.rglob("*") if path.is_file()]
        outside = [path for path in files if not path.is_relative_to(harness.folder)]
        assert [path for path in outside if path.read_bytes() == b"hostile"] == []
        assert not (harness.folder / ".jupyter-transfer" / "x.bin").exists()
        for row in harness.report.files:
            assert (row["state"] == "failed") == (row["error"] is not None)

    def test_browsing_a_folder(self, harness, site):
        access = site.access()
        if "browse" not in find(access.address).can:
            pytest.skip("nothing to browse")
        for name in ("a.bin", "sub dir/b.bin", "sub dir/deep/c.bin"):
            site.put(name, DATA[:7])
        with self.open(harness, access) as (backend, _):
            top = {entry.path: entry for entry in backend.browse(access.address)}
            assert sorted(top) == ["a.bin", "sub dir/"]
            below = {entry.path for entry in backend.browse(top["sub dir/"].address)}
            assert below == {"b.bin", "deep/"}

    # -- parts of a file --

    def test_a_part_of_a_file(self, harness, site):
        site.put("f.bin", DATA)
        access = site.access("f.bin")
        with self.open(harness, access) as (backend, transport):
            (entry,) = backend.entries(access.address)
            locator = backend.locate(entry)
            if parse_scheme(locator.url) not in ("http", "https"):
                pytest.skip("what a part is there is the transport's affair")
            remote = probe(transport, locator, lambda: None)
            got = bytearray()
            exchange = Exchange(
                remote.url,
                remote.headers,
                byte_range=(1000, 70_999),
                on_data=got.extend,
                unix_socket=locator.unix_socket,
            )
            transport.perform(exchange, lambda: None)
        assert exchange.error is None
        if self.ranges:
            assert (status_of(exchange), bytes(got)) == (206, DATA[1000:71_000])

    def test_a_paused_job_goes_on(self, harness, site):
        site.put("f.bin", DATA)
        self.lasting(harness, harness.control.pause)
        assert self.start(harness, site.access("f.bin")).state == "paused"
        assert harness.visible() == []
        kept = harness.report.counts[-1]["bytes_done"]
        harness.fresh_control()
        assert self.start(harness, site.access("f.bin")).state == "done"
        assert (harness.folder / "f.bin").read_bytes() == DATA
        if self.ranges:
            moved = harness.report.counts[-1]["bytes_moved"]
            assert moved <= len(DATA) - kept + 2 * ranged.SEGMENT

    def test_cancelled(self, harness, site):
        site.put("f.bin", DATA)
        asked = []

        def cancel() -> None:
            asked.append(time.monotonic())
            harness.control.cancel()

        self.lasting(harness, cancel)
        assert self.start(harness, site.access("f.bin")).state == "cancelled"
        assert time.monotonic() - asked[0] < 1.0
        assert harness.names() == []

    def test_a_source_that_changes_in_between(self, harness, site):
        site.put("f.bin", DATA)
        self.lasting(harness, harness.control.pause)
        assert self.start(harness, site.access("f.bin")).state == "paused"
        harness.fresh_control()
        site.put("f.bin", OTHER)
        assert self.start(harness, site.access("f.bin")).state == "done"
        changed = "remote_changed" in [code for code, _ in harness.report.notes]
        if self.pinned:
            assert (harness.folder / "f.bin").read_bytes() == DATA
            assert not changed
            return
        assert (harness.folder / "f.bin").read_bytes() == OTHER
        if self.ranges:
            assert changed

    @pytest.mark.parametrize("swaps", [3, pytest.param(200, marks=pytest.mark.soak)])
    def test_a_source_that_changes_meanwhile_is_never_mixed(
        self, harness, site, swaps, record_property
    ):
        draw, states, met, new = random.Random(swaps), (DATA, OTHER), 0, 0
        harness.control.bandwidth.rate = 2 * len(DATA)
        site.put("f.bin", DATA)
        access, target = site.access("f.bin"), harness.folder / "f.bin"
        for number in range(swaps):
            next_state = states[number % 2 == 0]
            swap = threading.Timer(draw.uniform(0, 0.5), site.put, ("f.bin", next_state))
            swap.start()
            outcome = self.start(harness, access, id=f"job-{number}")
            met += not swap.is_alive()
            swap.join()
            if outcome.state == "done":
                assert target.read_bytes() in states
                new += target.read_bytes() == next_state
                target.unlink()
            assert harness.visible() == []
        record_property("swapped", met)
        record_property("new", new)
        assert met >= swaps // 4
        assert self.pinned or new >= met // 2

    def test_locators_that_expire_are_asked_for_anew(self, harness, site):
        site.put("f.bin", DATA)
        short_lived = site.short_lived()
        if short_lived is None:
            pytest.skip("locators live for ever")
        with short_lived:
            self.lasting(harness, lambda: None, seconds=5.0)
            outcome = self.start(harness, site.access("f.bin"))
        assert (outcome.state, outcome.error) == ("done", None)
        assert (harness.folder / "f.bin").read_bytes() == DATA

    # -- what is not there, and who may not enter --

    def test_not_found(self, harness, site):
        site.put("f.bin", b"x")
        outcome = self.start(harness, site.access("nothing-here.bin"))
        assert (outcome.state, outcome.error.code) == ("failed", "remote_not_found")
        assert harness.names() == []

    @pytest.mark.parametrize("how", ["missing", "wrong"])
    def test_refused_without_the_right_credential(self, harness, site, how, caplog):
        site.put("f.bin", b"private")
        access = site.denied("f.bin", how)
        if access is None:
            pytest.skip("everybody may read")
        outcome = self.start(harness, access)
        assert outcome.state == (
            "waiting" if outcome.error.code == "needs_credentials" else "failed"
        )
        assert outcome.error.code in ("needs_credentials", "remote_forbidden")
        assert harness.names() == []
        told = [outcome.error.as_dict(), harness.report.files, harness.report.notes]
        shown = json.dumps(told, default=str) + caplog.text
        assert not [secret for secret in access.secrets if secret in shown]

    def test_a_job_that_succeeds_shows_no_secret(self, harness, site, caplog):
        caplog.set_level("DEBUG")
        site.put("f.bin", DATA)
        access = site.access("f.bin")
        assert self.start(harness, access).state == "done"
        told = [harness.report.files, harness.report.notes, harness.report.states]
        journals = "".join(
            path.read_text("utf-8", "replace")
            for path in harness.folder.rglob("*")
            if path.is_file() and path.name != "f.bin"
        )
        shown = json.dumps(told, default=str) + caplog.text + journals
        assert not [secret for secret in access.secrets if secret in shown]


def parse_scheme(url: str) -> str:
    """The scheme of a locator."""
    return url.partition(":")[0]
