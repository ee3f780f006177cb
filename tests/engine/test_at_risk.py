"""What a kill costs is bounded, whoever waits for whom: looked at while the disk stands still."""

from __future__ import annotations

import socket
import threading
import time
from select import select

import pytest

from jupyter_transfer.directio import DirectFile
from jupyter_transfer.engine import drain, ranged, transport, window, writer
from jupyter_transfer.net import parse_url
from jupyter_transfer.parts import Part

from ..servers.chaos import Resource, noise
from .conftest import LOOPBACK
from .killing import MIB, durable

DATA = noise(8 * MIB) * 8

OF_A_CONNECTION = 8 * MIB
"""Bytes that the kernels of both sides may hold: far less than they would by themselves."""


@pytest.mark.real_sizes
@pytest.mark.parametrize("still", ["write", "sync", "write and sync"])
def test_what_is_neither_recorded_nor_noted_is_bounded(harness, chaos, monkeypatch, still):
    """A kill would cost what has come in and is not believed by whoever goes on, and what the
    kernel holds."""
    source = chaos.add("/f", Resource(DATA))
    go_on, arrived, written = threading.Event(), [0], [0]
    real = DirectFile.pwrite

    def pwrite(file, data, position):
        if "write" in still and written[0] >= 12 * MIB:
            go_on.wait()
        count = real(file, data, position)
        written[0] += count
        return count

    def gather(self, count):
        arrived[0] += count
        gathered(self, count)

    gathered = drain.Drain.gather
    monkeypatch.setattr(drain.Drain, "gather", gather)
    monkeypatch.setattr(DirectFile, "pwrite", pwrite)
    if "sync" in still:
        monkeypatch.setattr(Part, "sync", lambda self: go_on.wait())
    harness.control.connections = ranged.FEW
    states = []
    thread = threading.Thread(target=lambda: states.append(harness.run(source).state))
    thread.start()
    try:
        wait_until_still(lambda: (arrived[0], written[0], chaos.sent()))
        lost = arrived[0] - durable(harness.folder)
        outside = chaos.sent() - arrived[0]
        assert arrived[0] < len(DATA)
        assert lost <= drain.UNWRITTEN + drain.UNSEEN + transport.BUFFER
        assert outside <= ranged.FEW * OF_A_CONNECTION
    finally:
        go_on.set()
        thread.join()
    assert states == ["done"]
    assert (harness.folder / "f").read_bytes() == DATA


@pytest.mark.real_sizes
def test_blocks_that_are_gathered_never_hold_up_one_another():
    assert ranged.CONNECTIONS * writer.BLOCK < drain.UNWRITTEN


def wait_until_still(look) -> None:
    """Wait until nothing has moved for a while."""
    before, since = None, time.monotonic()
    while time.monotonic() - since < 0.4:
        now = look()
        if now != before or not any(now):
            before, since = now, time.monotonic()
        time.sleep(0.01)


def test_what_the_kernel_holds_near_by_is_bounded():
    """The buffer of a connection that was read fast, and is then read no more."""
    new, got, sent = window.NewSockets(), 0, [0]
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = threading.Thread(target=send_all_that_fits, args=(listener, sent))
        server.start()
        client.connect(listener.getsockname())
        new.add(client.dup())
        new.look()
        while got < 128 * MIB:
            got += len(client.recv(1 << 19))
        wait_until_still(lambda: (sent[0],))
        held = sent[0] - got
        client.close()
        server.join()
    assert held <= OF_A_CONNECTION


def send_all_that_fits(listener: socket.socket, sent: list[int]) -> None:
    connection, _ = listener.accept()
    data = bytes(1 << 16)
    with connection:
        try:
            while True:
                sent[0] += connection.send(data)
        except OSError:
            pass


@pytest.mark.parametrize(
    ("seconds", "bytes_"),
    [(0.0, window.LEAST), (0.0004, window.LEAST), (0.002, 2_500_000), (0.01, None)],
)
def test_far_away_the_kernel_decides(seconds, bytes_):
    assert window.window_for(seconds) == bytes_


def test_sockets_that_are_not_connected_are_looked_at_again_or_let_go():
    new = window.NewSockets()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fresh = socket.socket()
        new.add(fresh)
        new.look()
        assert fresh.fileno() == -1  # it never tried: libcurl gave it up
        one = socket.create_connection(listener.getsockname())
        with one:
            before = one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            new.add(one.dup())
            new.look()
            after = one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert after >= 2 * window.LEAST or after == before


def test_a_connection_that_is_given_up_is_closed():
    with socket.socket() as listener, transport.Transport(LOOPBACK) as moved:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        exchange = transport.Exchange(parse_url(f"http://127.0.0.1:{port}/", transport.SCHEMES))
        moved.start(exchange)
        moved.run(0.05)
        connection, _ = listener.accept()
        while not select([connection], [], [], 0)[0]:
            moved.run(0.05)
        with connection:
            connection.settimeout(10)
            moved.stop(exchange)
            while connection.recv(1 << 16):
                pass
