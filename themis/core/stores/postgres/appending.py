"""Appending of many rows: a COPY where no row can exist already, else one INSERT from arrays.

A COPY is the fastest way to add rows, and fails as a whole when one of them exists. That is so where a run retries what
failed, or repeats a commit whose answer was lost; then the rows are inserted by the statement that keeps successes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg

from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.stores.postgres.errors import is_conflict
from themis.core.stores.postgres.session import Session
from themis.core.stores.sql import run_statements as sql
from themis.core.stores.sql.short_texts import shortened

Row = tuple[Any, ...]

OUTCOMES = dict(
    zip(sql.OUTCOME_COLUMNS, ("int8",) * 6 + ("float8",) + ("text",) * (len(sql.OUTCOME_COLUMNS) - 7), strict=True)
)
"""Columns of an outcome, with their types."""

CASES = dict(zip(sql.CASE_COLUMNS, ("int8", "int8", "int8", "text", "bytea", "int8", "int8"), strict=True))
"""Columns of an ended case, with their types."""

_BLOBS = {"digest": "text", "data": "bytea"}


def outcome_rows(run_no: int, outcomes: Iterable[Outcome], blobs: dict[str, bytes]) -> list[Row]:
    """Return the rows of `outcomes`; long texts are added to `blobs`, by their hashes."""
    return [
        (
            run_no,
            no,
            +stage,
            item,
            +ok,
            at,
            None if value is None else float(value),
            None if output is None else shortened(output, blobs),
            shortened(body, blobs),
            *rest,
        )
        for no, stage, item, ok, at, value, output, body, *rest in outcomes
    ]


def case_rows(run_no: int, ends: Iterable[CaseEnd]) -> list[Row]:
    """Return the rows of ended cases."""
    return [
        (run_no, no, dataset_no, case_id, digest, +failed, +through)
        for no, dataset_no, case_id, digest, failed, through in ends
    ]


def append(session: Session, outcomes: Sequence[Row], cases: Sequence[Row], *, is_fresh: bool) -> bool:
    """Add rows of outcomes and of ended cases; an existing success is never replaced.

    Args:
        session: the connection, in a transaction.
        outcomes: rows of outcomes.
        cases: rows of ended cases.
        is_fresh: whether none of them is expected to exist.

    Returns:
        Whether none of them existed, as far as it is known.
    """
    if is_fresh and _copy(session, outcomes, cases):
        return True
    _insert(session, "outcomes", OUTCOMES, _reduced(outcomes), sql.KEEP_SUCCESSES)
    _insert(session, "cases", CASES, cases, sql.KEEP_ENDS)
    return False


def add_blobs(session: Session, blobs: Mapping[str, bytes]) -> None:
    """Add those blobs, by their hashes, that do not exist; in one order, so that two writers never wait in a circle."""
    _insert(session, "blobs", _BLOBS, sorted(blobs.items()), sql.KEEP_BLOBS)


def _copy(session: Session, outcomes: Sequence[Row], cases: Sequence[Row]) -> bool:
    """Add rows; False, and nothing added, when one exists."""
    session.run("SAVEPOINT copied")
    try:
        copy_into(session, "outcomes", OUTCOMES, outcomes)
        copy_into(session, "cases", CASES, cases)
    except psycopg.Error as error:
        if not is_conflict(error):
            raise
        session.run("ROLLBACK TO SAVEPOINT copied")
        return False
    session.run("RELEASE SAVEPOINT copied")
    return True


def copy_into(session: Session, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Add rows to a table, given its columns with their types; none may exist."""
    if not rows:
        return
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    with session.raw.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)


def _insert(session: Session, table: str, columns: Mapping[str, str], rows: Sequence[Row], end: str) -> None:
    if not rows:
        return
    arrays = ", ".join(f"%b::{kind}[]" for kind in columns.values())
    statement = f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) {end}"  # noqa: S608
    # An array of nothing but NULL has no type: as NULL itself it is filled up with as many.
    values = [None if column.count(None) == len(column) else list(column) for column in zip(*rows, strict=True)]
    session.raw.execute(statement.encode(), values)


def _reduced(rows: Sequence[Row]) -> list[Row]:
    """Return one row for each key: the success, where there is a failure too."""
    found: dict[Row, Row] = {}
    for row in rows:
        if (before := found.get(row[:4])) is None or not before[4]:
            found[row[:4]] = row
    return list(found.values())
