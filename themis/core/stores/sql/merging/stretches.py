"""Stretches of a run's cases: each is merged in one commit."""

from collections.abc import Iterator
from typing import NamedTuple

from themis.core.stores.merging.port import MergeSource

ROWS = 100_000
"""Outcomes of a stretch, about: more make the log of a file large, fewer cost a sync each."""

LAST_CASE = 2**62
"""Number greater than that of any case."""

_AFTER = "WHERE run_no = ? AND case_no >= ? ORDER BY case_no, stage, item LIMIT 1 OFFSET ?"


class Stretch(NamedTuple):
    """Cases numbered from `first` to before `stop`."""

    first: int
    stop: int


def stretches(source: MergeSource, run_no: int) -> Iterator[Stretch]:
    """Yield stretches that together hold all cases of a run, whether they have outcomes or not; at least one.

    A stretch has `ROWS` outcomes, or a few more: a case is never parted.
    """
    first = 0
    while after := source.rows("outcomes", ("case_no",), _AFTER, (run_no, first, ROWS)):
        stop = max(after[0][0], first + 1)
        yield Stretch(first, stop)
        first = stop
    yield Stretch(first, LAST_CASE)
