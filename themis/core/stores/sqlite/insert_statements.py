"""Statements that insert many outcomes, ends of cases or blobs at once."""

from functools import lru_cache

from themis.core.outcomes.outcome import CaseEnd
from themis.core.stores.sql.run_statements import CASE_COLUMNS, KEEP_BLOBS, KEEP_ENDS, KEEP_SUCCESSES


@lru_cache
def insert_outcomes(columns: tuple[str, ...], rows: int) -> str:
    """Return a statement that inserts that number of outcomes of one run, with all but these columns empty.

    Its values are the run's number, and those of the columns for each outcome.
    """
    places = _places(len(columns), rows, "?1, ")
    return f"INSERT INTO outcomes (run_no, {', '.join(columns)}) VALUES {places} {KEEP_SUCCESSES}"  # noqa: S608  # constants


@lru_cache
def insert_cases(rows: int) -> str:
    """Return a statement that inserts that number of ends of cases of one run; its values are as for outcomes."""
    places = _places(len(CaseEnd._fields), rows, "?1, ")
    return f"INSERT INTO cases ({', '.join(CASE_COLUMNS)}) VALUES {places} {KEEP_ENDS}"  # noqa: S608  # constants


@lru_cache
def insert_blobs(rows: int) -> str:
    """Return a statement that inserts that number of blobs, two values each."""
    return f"INSERT INTO blobs (digest, data) VALUES {_places(2, rows)} {KEEP_BLOBS}"  # noqa: S608  # constants


def _places(columns: int, rows: int, shared: str = "") -> str:
    return ", ".join([f"({shared}{', '.join('?' * columns)})"] * rows)
