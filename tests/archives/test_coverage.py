"""The union of what several answers have sent."""

from __future__ import annotations

import random

from jupyter_transfer.archives.coverage import Coverage


def test_against_a_set_of_bytes():
    rng = random.Random(3)
    for _ in range(200):
        coverage, sent, growing = Coverage(), set(), []
        for _ in range(12):
            start = rng.randrange(50)
            growing.append(coverage.begin(start))
            span = rng.choice(growing)
            count = rng.randrange(10)
            sent.update(range(span[1], span[1] + count))
            span[1] += count
            assert coverage.total() == len(sent)
            if rng.random() < 0.5:
                growing = [other for other in growing if other is not span] or [coverage.begin(0)]
                coverage.end(span)
            assert coverage.total() == len(sent)


def test_very_many_answers_in_a_row_are_one_span():
    coverage = Coverage()
    for start in range(0, 50_000, 10):
        span = coverage.begin(start)
        span[1] += 10
        coverage.end(span)
    assert coverage.total() == 50_000
    assert len(coverage._ended) == 1
