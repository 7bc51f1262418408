"""Ends of cases from the rows of a database, as a byte for each case.

Most cases of a run end alike. So the rows of a stretch are only counted where all of its cases ended as the first one
did, and the numbers of those that did are read as one text elsewhere: a row by itself takes several times as long.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic_core import from_json

from themis.core.outcomes.end_codes import end_code
from themis.core.outcomes.stages import Stage
from themis.core.stores.sql.database import Dialect

STRETCH = 4_096
"""Number of cases that are looked at together."""

_WITHIN = "FROM cases WHERE run_no = ? AND case_no >= ? AND case_no < ?"
_ALIKE = f"{_WITHIN} AND through = ? AND failed = ?"
_FIRST = f"SELECT through, failed {_WITHIN} ORDER BY case_no LIMIT 1"  # constants, as all of these
_COUNT = f"SELECT count(*) {_ALIKE}"
_OTHERS = f"SELECT case_no, through, failed {_WITHIN} AND (through <> ? OR failed <> ?)"

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def read_ended(query: Query, dialect: Dialect, run_no: int, first: int, stop: int) -> bytearray:
    """Return a byte for each case of a run numbered from `first` to before `stop`.

    Args:
        query: returns the rows of a SELECT with its values.
        dialect: the words of the database.
        run_no: the run's number in the database.
        first: number of the first case.
        stop: number of the case behind the last.
    """
    found = bytearray(stop - first)
    for begin in range(first, stop, STRETCH):
        within = (run_no, begin, min(begin + STRETCH, stop))
        for through, failed in query(_FIRST, within):
            alike = (*within, through, failed)
            code = end_code(Stage(through), failed=failed != 0)
            if query(_COUNT, alike) == [(within[2] - begin,)]:
                found[begin - first : within[2] - first] = bytes([code]) * (within[2] - begin)
                continue
            ((numbers,),) = query(f"SELECT {dialect.numbers_text.format('case_no')} {_ALIKE}", alike)
            for number in from_json(f"[{numbers}]"):
                found[number - first] = code
            for number, other, is_failed in query(_OTHERS, alike):
                found[number - first] = end_code(Stage(other), failed=is_failed != 0)
    return found
