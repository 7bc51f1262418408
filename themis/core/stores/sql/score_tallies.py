"""Tallies of a run's scores from the rows of a database: exact sums, a page in memory at a time.

The database counts the scores that are 0 or 1, which most metrics give alone. Only where there are others are the
scores read, as no database adds floats exactly.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from themis.core.outcomes.stages import Stage
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.sql import run_statements as sql

PAGE_CASES = 10_000
"""Number of cases whose scores are read at a time."""

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def read_tallies(query: Query, run_no: int, total_cases: int) -> dict[int, ScoreTally]:
    """Return the tally of each metric, by its item; metrics without outcomes are left out.

    Args:
        query: returns the rows of a SELECT with its values.
        run_no: the run's number in the database.
        total_cases: number of the run's cases.
    """
    tallies: dict[int, ScoreTally] = {}
    is_counted = True
    for item, scored, zeros, ones, no_answer in query(sql.COUNT_SCORES, (run_no, int(Stage.SCORE))):
        tally = tallies[item] = ScoreTally(no_answer)
        tally.add_counted(Counter({0.0: zeros, 1.0: ones}))
        is_counted &= scored == zeros + ones
    if not is_counted:
        tallies = {item: ScoreTally(tally.no_answer) for item, tally in tallies.items()}
        for first in range(0, total_cases, PAGE_CASES):
            values: defaultdict[int, list[float]] = defaultdict(list)
            for item, value in query(sql.SELECT_SCORES, (run_no, first, first + PAGE_CASES, int(Stage.SCORE))):
                values[item].append(value)
            for item, found in values.items():
                tallies.setdefault(item, ScoreTally()).add(found)
    for item, end, value, cases in query(sql.COUNT_ANSWER_ENDS, (int(Stage.SCORE), run_no)):
        tallies.setdefault(item, ScoreTally()).note_end(end, value, cases)
    return tallies
