"""The conformance suite of sinks: what every backend that can be written to must do.

A backend's test file inherits `SinkContract` beside `BackendContract`. The pieces are sent here as
the engine's sender sends them, so that a sink can be looked at between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Literal

import pytest

from jupyter_transfer.backends.base import Backend, Digest, Entry, Validators
from jupyter_transfer.backends.committing import CommittingBackend, StagingSink
from jupyter_transfer.backends.sink import Gone, Sink, SourceFile, Span
from jupyter_transfer.engine import sums
from jupyter_transfer.engine.client import opened
from jupyter_transfer.engine.transport import Exchange, Transport, parse
from jupyter_transfer.errors import TransferError

from ..engine.conftest import Harness
from ..servers.chaos import noise
from .site import Access, CannotHold, Site

MTIME_NS = 1_700_000_000_123_456_789


class BytesBody:
    """What a request sends, from memory."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.size = len(data)
        self.position = 0

    def read(self, count: int) -> memoryview:
        piece = self._data[self.position : self.position + count]
        self.position += len(piece)
        return piece

    def seek(self, position: int) -> None:
        self.position = position


class Sending:
    """One file on its way into a sink, as one process sees it."""

    def __init__(
        self, transport: Transport, sink: Sink, data: bytes, backend: Backend | None = None
    ) -> None:
        self.backend = backend
        self.transport = transport
        self.sink = sink
        self.data = data
        self.sent = 0

    def pieces(self, held: Any = ()) -> list[Span]:
        """What is left, cut as the sink wants it."""
        if isinstance(self.sink, StagingSink) and self.sink.carried is not None:
            return []
        size, piece = len(self.data), self.sink.piece_size
        all_of = [(a, min(a + piece, size)) for a in range(0, size, piece)] or [(0, 0)]
        if not self.sink.in_order:
            return [span for span in all_of if span not in list(held)]
        done = max((end for _, end in held), default=0)
        return [(max(a, done), b) for a, b in all_of if b > done or (not held and size == a)]

    def send(self, span: Span) -> None:
        outlet = self.sink.outlet(span)
        piece = self.data[slice(*span)]
        exchange = Exchange(
            parse(outlet.url),
            outlet.headers,
            method=outlet.method,
            upload=BytesBody(piece),
            append_at=outlet.append_at,
            commands=outlet.commands,
            unix_socket=outlet.unix_socket,
            login=outlet.login,
        )
        self.transport.perform(exchange, lambda: None)
        if exchange.error:
            raise exchange.error
        if exchange.status and not 200 <= exchange.status < 300:
            code = {401: "needs_credentials", 403: "remote_forbidden", 412: "exists"}
            raise TransferError(
                code.get(exchange.status, "remote_refused"), f"Status {exchange.status}."
            )
        self.sent += len(piece)
        name = self.sink.piece_digest
        self.sink.sent(span, exchange.headers.as_dict(), digest(name, piece) if name else None)

    def finish(self) -> Entry:
        entry = self.sink.finish([digest(name, self.data) for name in self.sink.digests])
        if isinstance(self.backend, CommittingBackend):
            assert isinstance(self.sink, StagingSink)
            (entry,) = self.backend.commit([self.sink])
        return entry


def digest(name: str, data: bytes) -> Digest:
    running = sums.new(name, len(data))
    running.update(data)
    return Digest(name, running.hexdigest())


class SinkContract:
    """What holds for every backend that can be written to."""

    parts: ClassVar[bool] = True
    """Whether a large file is sent in pieces that survive a crash."""

    hides: ClassVar[bool] = True
    """Whether nothing shows under the final name before the whole is there."""

    removes_folders: ClassVar[bool] = True
    """Whether a folder of a service that has some can be removed."""

    large: ClassVar[int] = 20_000_003
    """Bytes of a file that takes several pieces."""

    # -- helpers --

    @contextmanager
    def backend(self, harness: Harness, access: Access) -> Iterator[tuple[Backend, Transport]]:
        harness.credential = access.credential
        with opened(access.address, harness.context(access.options)) as both:
            yield both

    @contextmanager
    def sending(
        self,
        harness: Harness,
        access: Access,
        data: bytes,
        *,
        mtime_ns: int | None = MTIME_NS,
        **more: Any,
    ) -> Iterator[Sending]:
        """A process that is to send `data`; it has not begun."""
        with self.backend(harness, access) as (backend, transport):
            if isinstance(backend, CommittingBackend):
                more["read"] = lambda count: data[:count]
                more["prefix"] = lambda size, name: digest(name, data[:size])
            source = SourceFile("f.bin", len(data), mtime_ns, **more)
            yield Sending(transport, backend.sink(access.address, source), data, backend)

    def put_whole(self, harness: Harness, access: Access, data: bytes, **more: Any) -> Entry:
        with self.sending(harness, access, data, **more) as sending:
            for span in sending.pieces(sending.sink.begin(None)):
                sending.send(span)
            return sending.finish()

    # -- whole files --

    @pytest.mark.parametrize("size", [0, 1, 1_000_003])
    def test_a_file_is_sent_whole(self, harness: Harness, site: Site, size: int) -> None:
        data = noise(size)
        entry = self.put_whole(harness, site.access("f.bin"), data)
        assert site.read("f.bin") == data
        assert site.names() == ["f.bin"]
        assert entry.size in (size, None)
        if entry.digest is not None:
            assert entry.digest == digest(entry.digest.algorithm, data)

    def test_a_large_file_is_sent_in_pieces(self, harness: Harness, site: Site) -> None:
        data = noise(self.large)
        access = site.access("f.bin")
        with self.sending(harness, access, data) as sending:
            spans = sending.pieces(sending.sink.begin(None))
            assert len(spans) > 1 or not self.parts
            for span in spans if sending.sink.in_order else reversed(spans):
                sending.send(span)
                if self.hides and self.parts:
                    assert site.read("f.bin") is None
            entry = sending.finish()
        assert site.read("f.bin") == data
        assert site.names() == ["f.bin"]
        with self.backend(harness, access) as (backend, _):
            found = backend.find(access.address)
            assert found is not None
            assert found.size == len(data)
            assert not found.validators.contradicts(entry.validators)

    def test_odd_names(self, harness: Harness, site: Site) -> None:
        for name in ("a b+c%41.bin", "数据/#1?.bin", "e\u0301.bin"):
            try:
                site.put(name, b"x")
            except CannotHold:
                continue
            access = site.access(name)
            self.put_whole(harness, access, name.encode(), replace=True)
            assert site.read(name) == name.encode()

    def test_the_time_of_the_file_is_kept(self, harness: Harness, site: Site) -> None:
        access = site.access("f.bin")
        self.put_whole(harness, access, b"abc")
        with self.backend(harness, access) as (backend, _):
            found = backend.find(access.address)
        assert found is not None
        assert found.mtime_ns is None or abs(found.mtime_ns - MTIME_NS) < 10**9

    # -- what stands there --

    @pytest.mark.parametrize("large", [False, True])
    def test_nothing_is_replaced_unasked(self, harness: Harness, site: Site, large: bool) -> None:
        site.put("f.bin", b"theirs")
        with pytest.raises(TransferError) as caught:
            self.put_whole(harness, site.access("f.bin"), noise(self.large if large else 10))
        assert caught.value.code == "exists"
        assert site.read("f.bin") == b"theirs"

    @pytest.mark.parametrize("large", [False, True])
    def test_replaced_when_asked(self, harness: Harness, site: Site, large: bool) -> None:
        site.put("f.bin", b"theirs")
        data = noise(self.large if large else 10)
        access = site.access("f.bin")
        with self.sending(harness, access, data, replace=True) as sending:
            for span in sending.pieces(sending.sink.begin(None)):
                if self.hides:
                    assert site.read("f.bin") == b"theirs"
                sending.send(span)
            sending.finish()
        assert site.read("f.bin") == data

    def test_only_the_state_that_was_seen_is_replaced(self, harness: Harness, site: Site) -> None:
        site.put("f.bin", b"theirs")
        access = site.access("f.bin")
        with self.backend(harness, access) as (backend, _):
            seen = backend.find(access.address)
        assert seen is not None
        if not seen.validators.strong:
            pytest.skip("nothing tells one state from another for sure")
        more = {"replace": True, "replaces": seen.validators}
        site.put("f.bin", b"changed")
        with pytest.raises(TransferError) as caught:
            self.put_whole(harness, access, b"ours", **more)
        assert caught.value.code == "exists"
        assert site.read("f.bin") == b"changed"

    # -- crashes --

    def test_going_on_after_a_crash(self, harness: Harness, site: Site) -> None:
        if not self.parts:
            pytest.skip("a file is one request")
        data, access = noise(self.large), site.access("f.bin")
        with self.sending(harness, access, data) as first:
            spans = first.pieces(first.sink.begin(None))
            first.send(spans[0])
            state = dict(first.sink.state())
        with self.sending(harness, access, data) as second:
            left = second.pieces(second.sink.begin(state))
            assert left == spans[1:]
            for span in left:
                second.send(span)
            second.finish()
        assert site.read("f.bin") == data
        assert second.sent == len(data) - (spans[0][1] - spans[0][0])

    def test_a_crash_after_the_end_is_found_finished(self, harness: Harness, site: Site) -> None:
        data, access = noise(self.large), site.access("f.bin")
        with self.sending(harness, access, data) as first:
            for span in first.pieces(first.sink.begin(None)):
                first.send(span)
            state = dict(first.sink.state())
            entry = first.finish()
        with self.sending(harness, access, data) as second:
            with suppress(Gone):
                second.sink.begin(state)
            again = second.finish()
        assert site.read("f.bin") == data
        assert again.size == entry.size
        assert not again.validators.contradicts(entry.validators)

    def test_what_is_aborted_leaves_nothing(self, harness: Harness, site: Site) -> None:
        data, access = noise(self.large), site.access("f.bin")
        with self.sending(harness, access, data) as sending:
            spans = sending.pieces(sending.sink.begin(None))
            if self.parts:
                sending.send(spans[0])
            state = dict(sending.sink.state())
            sending.sink.abort()
            sending.sink.abort()
        assert site.names() == []
        assert site.leftovers() == []
        with self.sending(harness, access, data) as later:
            try:
                held = later.sink.begin(state)
            except Gone:
                held = []
            assert list(held) == []

    # -- jobs of the engine --

    def job(self, harness: Harness, access: Access, source: str = "f.bin", **more: Any) -> Any:
        """One job that sends `source` with `access`; its outcome."""
        harness.credential = access.credential
        options = {**access.options, **more}
        return harness.run(source, access.address, kind="send", **options)

    def test_a_job_sends_a_folder(self, harness: Harness, site: Site) -> None:
        tree = {"a.bin": noise(10), "s/b c%.bin": noise(70_000), "s/t/空.bin": b""}
        for name, data in tree.items():
            (harness.folder / "d" / name).parent.mkdir(parents=True, exist_ok=True)
            (harness.folder / "d" / name).write_bytes(data)
        outcome = self.job(harness, site.access(), "d")
        assert (outcome.state, outcome.error) == ("done", None)
        assert [row["state"] for row in harness.report.files] == ["done"] * 3
        for name, data in tree.items():
            (there,) = [found for found in site.names() if found.endswith(name)]
            assert site.read(there) == data

    def test_a_second_job_sends_nothing(self, harness: Harness, site: Site) -> None:
        access = site.access("f.bin")
        path = harness.folder / "f.bin"
        path.write_bytes(noise(100_000))
        assert self.job(harness, access).state == "done"
        rows = harness.delivered("f.bin")
        assert self.job(harness, access, id="again", delivered=rows).state == "done"
        if harness.report.files[-1]["state"] == "done":  # nothing proves that it is the same
            assert not Validators.from_dict(rows[0]["validators"]).strong
        else:
            assert harness.report.files[-1]["state"] == "present"
        path.write_bytes(noise(100_001))
        assert self.job(harness, access, id="new", delivered=rows).state == "done"
        assert site.read("f.bin") == noise(100_001)

    def test_a_job_that_is_paused_goes_on(self, harness: Harness, site: Site) -> None:
        if not self.parts:
            pytest.skip("a file is one request")
        data, access = noise(self.large), site.access("f.bin")
        (harness.folder / "f.bin").write_bytes(data)
        harness.control.bandwidth.rate = self.large // 2

        def pause(counts: dict[str, Any]) -> None:
            if counts["bytes_done"] > 0.7 * self.large:
                harness.control.pause()

        harness.report.on_progress = pause
        assert self.job(harness, access).state == "paused"
        assert not self.hides or site.read("f.bin") is None
        harness.fresh_control()
        harness.report.counts.clear()
        outcome = self.job(harness, access)
        assert outcome.state == "done", outcome.error
        assert harness.report.counts[-1]["bytes_moved"] < self.large
        assert site.read("f.bin") == data
        assert site.leftovers() == []

    def test_a_job_that_is_cancelled_leaves_nothing(self, harness: Harness, site: Site) -> None:
        access = site.access("f.bin")
        (harness.folder / "f.bin").write_bytes(noise(self.large))
        harness.control.bandwidth.rate = self.large // 8

        def cancel(counts: dict[str, Any]) -> None:
            if counts["bytes_done"] > 0.05 * self.large:
                harness.control.cancel()

        harness.report.on_progress = cancel
        assert self.job(harness, access).state == "cancelled"
        assert site.leftovers() == []
        if self.hides:
            assert site.names() == []

    @pytest.mark.parametrize("conflict", ["fail", "skip", "rename", "overwrite"])
    def test_a_name_that_is_taken(self, harness: Harness, site: Site, conflict: str) -> None:
        name = "a b.bin"
        site.put(name, b"theirs")
        (harness.folder / name).write_bytes(b"ours")
        outcome = self.job(harness, site.access(name), name, conflict=conflict)
        assert outcome.state == ("failed" if conflict == "fail" else "done")
        assert site.read(name) == (b"ours" if conflict == "overwrite" else b"theirs")
        beside = {"rename": ["a b (1).bin", name]}.get(conflict, [name])
        assert site.names() == sorted(beside)

    @pytest.mark.parametrize("how", ["missing", "wrong"])
    def test_a_job_without_the_right_credential(
        self, harness: Harness, site: Site, how: Literal["missing", "wrong"]
    ) -> None:
        access = site.denied("new.bin", how)
        if access is None:
            pytest.skip("everybody may write")
        (harness.folder / "f.bin").write_bytes(b"x")
        outcome = self.job(harness, access)
        assert outcome.error.code in ("needs_credentials", "remote_forbidden")
        assert site.names() == []
        told = f"{outcome.error.as_dict()}{harness.report.files}{harness.report.notes}"
        assert not [secret for secret in access.secrets if secret in told]

    # -- the rest of writing --

    def test_deleting(self, harness: Harness, site: Site) -> None:
        names = [f"d/{number}.bin" for number in range(5)]
        for name in names:
            site.put(name, b"x")
        access = site.access()
        with self.backend(harness, access) as (backend, _):
            if "delete" not in backend.can:
                pytest.skip("nothing can be deleted")
            found = [backend.find(backend.join(access.address, name)) for name in names]
            entries = [entry for entry in found if entry is not None]
            assert len(entries) == len(names)
            assert backend.delete(entries[:4]) == [None] * 4
            assert site.names() == names[4:]
            assert backend.delete(entries[:1]) == [None]
            if backend.folders and self.removes_folders:
                folder = backend.join(access.address, "d") + "/"
                backend.remove_folder(folder)  # it holds something
                assert site.names() == names[4:]
                assert backend.delete(entries[4:]) == [None]
                for _ in range(2):  # nothing is there the second time
                    backend.remove_folder(folder)
                    assert backend.find(folder) is None
                assert backend.find(access.address) is not None

    def test_finding(self, harness: Harness, site: Site) -> None:
        site.put("folder/f.bin", b"abc")
        access = site.access()
        with self.backend(harness, access) as (backend, _):
            found = backend.find(backend.join(access.address, "folder/f.bin"))
            assert found is not None
            assert (found.path, found.size) == ("f.bin", 3)
            folder = backend.find(backend.join(access.address, "folder"))
            assert folder is not None
            assert folder.path == "folder/"
            assert backend.find(backend.join(access.address, "nothing.bin")) is None
