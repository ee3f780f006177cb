"""Under a limit bytes are held back by libcurl, and come in when it is told to go on."""

from __future__ import annotations

import pytest

from jupyter_transfer.engine import ranged
from jupyter_transfer.engine.limits import Bandwidth
from jupyter_transfer.engine.transport import Enough, Exchange, Transport, parse
from jupyter_transfer.errors import TransferError

from ..servers.chaos import Resource, noise
from .conftest import LOOPBACK

DATA = noise(400_000)


@pytest.mark.parametrize(
    ("failure", "code"), [(Enough(), None), (TransferError("disk_full", "Full."), "disk_full")]
)
@pytest.mark.parametrize("by_itself", [False, True])
def test_an_exchange_may_end_with_the_bytes_that_were_held_back(chaos, failure, code, by_itself):
    bandwidth = Bandwidth(100_000)
    ended: list[Exchange] = []
    pieces = []

    def take(data: memoryview) -> None:
        pieces.append(len(data))
        if len(pieces) > 1:
            raise failure

    exchange = Exchange(
        parse(chaos.add("/f", Resource(DATA))),
        on_data=take,
        on_end=ended.append if by_itself else None,
    )
    with Transport(LOOPBACK, bandwidth=bandwidth) as transport:
        transport.start(exchange)
        for _ in range(200):
            ended += transport.run(0.05)
            if ended:
                break
    assert ended == [exchange]
    assert len(pieces) == 2
    assert (exchange.error.code if exchange.error else None) == code


def test_work_is_taken_over_under_a_limit(harness, chaos, monkeypatch):
    """The one that loses its rest ends in the middle of what was held back."""
    monkeypatch.setattr(ranged, "SEGMENT", 200_000)
    monkeypatch.setattr(ranged, "STEAL_AFTER", 0.0)
    monkeypatch.setattr(ranged, "LEAST_TO_STEAL", 20_000)
    harness.control.bandwidth.rate = 400_000
    outcome = harness.run(chaos.add("/f", Resource(DATA)))
    assert (outcome.state, outcome.error) == ("done", None)
    assert (harness.folder / "f").read_bytes() == DATA
