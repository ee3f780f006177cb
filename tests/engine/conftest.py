"""What the engine's tests share: a root, servers, and a job that reports into lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer import backends
from jupyter_transfer.backends.base import Context
from jupyter_transfer.engine import ranged, retry, writer
from jupyter_transfer.engine.control import Control
from jupyter_transfer.engine.job import JobRequest, Outcome, make_run
from jupyter_transfer.names import STAGING
from jupyter_transfer.net import Policy
from jupyter_transfer.paths import Root
from jupyter_transfer.secrets import Credential

from ..servers.chaos import ChaosServer, running_chaos
from ..servers.nginx import Nginx, make_certificate, running_nginx

LOOPBACK = Policy.of(["127.0.0.0/8", "::1/128"])


@dataclass
class Recorder:
    """A `Report` that keeps everything."""

    counts: list[dict[str, Any]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    on_progress: Callable[[dict[str, Any]], None] | None = None

    def progress(self, **counts: Any) -> None:
        self.counts.append(counts)
        if self.on_progress is not None:
            self.on_progress(counts)

    def state(self, note: str) -> None:
        self.states.append(note)

    def note(self, code: str, message: str) -> None:
        self.notes.append((code, message))

    def file(self, file: dict[str, Any]) -> None:
        self.files.append(file)


@dataclass
class Harness:
    """Runs jobs below `folder` and tells what came of them."""

    folder: Path
    root: Root
    report: Recorder = field(default_factory=Recorder)
    policy: Policy = LOOPBACK
    ca_file: str | None = None
    credential: Credential | None = None
    ambient: bool = True
    control: Control = field(default_factory=Control)

    def run(
        self,
        source: str,
        destination: str = "",
        *,
        id: str = "job",
        delivered: tuple[dict[str, Any], ...] = (),
        close: bool = True,
        kind: str = "fetch",
        **options: Any,
    ) -> Outcome:
        context = self.context(options)
        request = JobRequest(id, source, destination, options, delivered, kind)
        job = make_run(self.root, request, context, self.control, self.report)
        outcome = job.run()
        if close:
            job.close()
        return outcome

    def context(self, options: dict[str, Any]) -> Context:
        """What a backend of a job with `options` works with."""
        state_dir = str(self.folder.parent / "state")
        return Context(
            options,
            self.policy,
            self.ca_file,
            self.credential,
            ambient=self.ambient,
            state_dir=state_dir,
        )

    def fresh_control(self) -> None:
        """Nobody has asked the next job for anything."""
        self.control = Control()
        self.report.on_progress = None

    def delivered(self, source: str) -> tuple[dict[str, Any], ...]:
        """The rows that a server would have saved for what was done."""
        names = ("path", "size", "mtime_ns", "digest", "validators")
        return tuple(
            {
                **{name: file[name] for name in names},
                "path": file.get("address") or file["path"],
                "source": source,
            }
            for file in self.report.files
            if file["state"] == "done"
        )

    def names(self) -> list[str]:
        """Every file below the root, staging folders included."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file()
        )

    def visible(self) -> list[str]:
        """Every file that a person can see."""
        return [name for name in self.names() if STAGING not in name]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    folder = tmp_path / "root"
    folder.mkdir()
    root = Root(str(folder), direct_from=0)
    yield Harness(folder, root)
    root.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Small segments and short waits, so that small files show what large ones do."""
    if request.node.get_closest_marker("real_sizes") is None:
        monkeypatch.setattr(ranged, "SEGMENT", 64 << 10)
        monkeypatch.setattr(ranged, "FOLLOWED", 1)
        monkeypatch.setattr(writer, "BLOCK", 16 << 10)
    monkeypatch.setattr(retry.Retries.__init__, "__defaults__", (retry.BUDGET, 0.001, max))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The backend `ListingBackend` is there."""
    monkeypatch.setitem(backends._OWN, "listing", "tests.servers.listing:ListingBackend")
    backends.registry.cache_clear()
    yield
    backends.registry.cache_clear()


@pytest.fixture
def chaos() -> Iterator[ChaosServer]:
    with running_chaos() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def nginx(
    tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]
) -> Iterator[Nginx]:
    with running_nginx(tmp_path_factory.mktemp("nginx"), certificate=certificate) as server:
        yield server
