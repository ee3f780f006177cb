"""A body between other bytes."""

from __future__ import annotations

from jupyter_transfer.engine.body import Framed


class Bytes:
    """A body in memory that has nothing yet at every other question."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.size = len(data)
        self.position = 0
        self._late = False

    def read(self, count: int) -> memoryview | None:
        self._late = not self._late
        if self._late:
            return None
        data = self._data[self.position :][:count]
        self.position += len(data)
        return data

    def seek(self, position: int) -> None:
        self.position = position


def all_of(body: Framed, count: int) -> bytes:
    read = b""
    while body.position < body.size:
        data = body.read(count)
        assert data is None or 0 < len(data) <= count
        read += data or b""
    assert body.read(count) == b""
    return read


def test_every_byte_in_turn_and_again_after_going_back():
    for content in (b"", b"x" * 1000):
        whole = b"<head>" + content + b"<tail>"
        for count in (1, 7, 10_000):
            body = Framed(Bytes(content), b"<head>", b"<tail>")
            assert body.size == len(whole)
            assert all_of(body, count) == whole
            for position in range(0, len(whole) + 1, 5):
                body.seek(position)
                assert all_of(body, count) == whole[position:]
