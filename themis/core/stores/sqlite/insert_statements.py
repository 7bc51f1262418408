"""Statements that insert many outcomes, ends of cases or blobs at once."""

from functools import lru_cache

from themis.core.stores.sql.run_statements import CASE_COLUMNS, KEEP_BLOBS, KEEP_ENDS, KEEP_SUCCESSES


@lru_cache
def insert_outcomes(columns: tuple[str, ...], rows: int) -> str:
    """Return a statement that inserts that number of outcomes, with all but these columns empty."""
    places = _places(len(columns), rows)
    return f"INSERT INTO outcomes ({', '.join(columns)}) VALUES {places} {KEEP_SUCCESSES}"  # noqa: S608  # constants


@lru_cache
def insert_cases(rows: int) -> str:
    """Return a statement that inserts that number of ends of cases, each with its run's number first."""
    places = _places(len(CASE_COLUMNS), rows)
    return f"INSERT INTO cases ({', '.join(CASE_COLUMNS)}) VALUES {places} {KEEP_ENDS}"  # noqa: S608  # constants


@lru_cache
def insert_blobs(rows: int) -> str:
    """Return a statement that inserts that number of blobs, two values each."""
    return f"INSERT INTO blobs (digest, data) VALUES {_places(2, rows)} {KEEP_BLOBS}"  # noqa: S608  # constants


def _places(columns: int, rows: int) -> str:
    return ", ".join(["(" + ", ".join("?" * columns) + ")"] * rows)
