"""Links between jobs and their dependents in a database."""

from abc import ABC
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from themis.core.stores.job_rows import JOB_COLUMNS, JobRow, unflat
from themis.core.stores.queues.dependents import CANCELLED, ENDED_STATES, NOT_BAD_STATES, WAITS, KeepsDependents, Owing
from themis.core.stores.sql.database import Dialect, SqlDatabase

_COLUMNS = ", ".join(JOB_COLUMNS)
_OF_JOB = ", ".join(f"j.{name}" for name in JOB_COLUMNS)
_JOB_NO = "(SELECT job_no FROM jobs WHERE key = ?)"

_SELECT = f"SELECT {_COLUMNS} FROM jobs WHERE key = ?"  # noqa: S608  # a constant, like all below
# With the marks, so that it does not look at all links of the predecessor: there may be very many.
_DELETE_LINK = f"DELETE FROM job_dependents WHERE predecessor = ? AND mark IN (1, 2) AND job_no = {_JOB_NO}"  # noqa: S608
_INSERT_LINK = "INSERT INTO job_dependents (predecessor, mark, job_no) SELECT ?, ?, job_no FROM jobs WHERE key = ?"
# Also where the mark is set already: it waits for a process that is about to remove it, and sets it again.
_MARK = "UPDATE jobs SET awaited = awaited | ? WHERE key = ?"
_LOCK = "SELECT 1 FROM jobs WHERE key = ?"
_UNMARK = (
    "UPDATE jobs SET awaited = awaited & ? WHERE key = ? "
    "AND NOT EXISTS (SELECT 1 FROM job_dependents WHERE predecessor = ? AND mark = ?)"
)
# The first condition is the one of the index.
_AWAITED = (
    f"SELECT {_COLUMNS} FROM jobs WHERE awaited <> 0 AND queue_id = ? AND state IN ({{states}}) "  # noqa: S608
    "AND awaited IN (?, 3) ORDER BY state, awaited LIMIT ?"
)
_OWING = (
    f"SELECT {_COLUMNS} FROM jobs WHERE awaited <> 0 AND queue_id = ? "  # noqa: S608
    "AND ((state IN ('done', 'failed', 'cancelled') AND awaited IN (1, 3)) "
    "OR (state IN ('queued', 'running', 'done') AND awaited IN (2, 3))) LIMIT ?"
)
_DEPENDENTS = (
    f"SELECT {_OF_JOB} FROM job_dependents d JOIN jobs j ON j.job_no = d.job_no "  # noqa: S608
    "WHERE d.predecessor = ? AND d.mark = ? ORDER BY d.job_no LIMIT ? OFFSET ?"
)
_ALL_MARKS = WAITS | CANCELLED


class SqlDependents(KeepsDependents, ABC):
    """Keeps the links between jobs in the tables of a database."""

    def __init__(self, database: SqlDatabase, dialect: Dialect) -> None:
        """Keep links in `database`."""
        self._database = database
        self._select_shared = _SELECT + dialect.fence_lock
        self._lock_job = _LOCK + dialect.change_lock

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[Any]:
        """Open a block whose writes are committed together, or not at all; blocks nest."""
        return self._database.transaction(synced=synced)

    def load_each(self, keys: Iterable[str]) -> dict[str, JobRow]:
        """Return those of several jobs that exist, by key; inside a transaction, nobody changes them before its end."""
        found = (self._database.query_one(self._select_shared, (key,)) for key in dict.fromkeys(keys))
        return {row.key: row for row in map(unflat, filter(None, found))}

    def link(self, key: str, before: Iterable[str], marks: Mapping[str, int]) -> None:
        """Replace the links of a job to its predecessors, and set their marks."""
        with self.transaction(synced=False) as connection:  # that of the caller decides
            for predecessor in sorted({*before, *marks}):
                connection.execute(_DELETE_LINK, (predecessor, key))
            for predecessor, mark in sorted(marks.items()):  # in one order, as others may mark the same
                connection.execute(_INSERT_LINK, (predecessor, mark, key))
                connection.execute(_MARK, (mark, predecessor))

    def owing(self, queue_id: str, limit: int) -> list[Owing]:
        """Return the first predecessors in a queue for whose dependents something is to be done."""
        rows = [unflat(row) for row in self._database.query(_OWING, (queue_id, limit))]
        found = [Owing(row, WAITS) for row in rows if row.awaited & WAITS and row.state in ENDED_STATES]
        return found + [
            Owing(row, CANCELLED) for row in rows if row.awaited & CANCELLED and row.state in NOT_BAD_STATES
        ]

    def awaited(self, queue_id: str, state: str, limit: int) -> list[JobRow]:
        """Return the first jobs of a queue in a state that other jobs wait for."""
        return self._awaited(queue_id, (state,), WAITS, limit)

    def dependents(self, key: str, mark: int, limit: int, *, skip: int = 0) -> list[JobRow]:
        """Return the first dependents, but for `skip`, that a job has links of that mark to, in order of submission."""
        return [unflat(row) for row in self._database.query(_DEPENDENTS, (key, mark, limit, skip))]

    def unmark(self, key: str, mark: int) -> None:
        """Remove a mark from a job that has no link of it any more."""
        with self.transaction(synced=False) as connection:  # one that is lost is removed again
            # Locked by a statement of its own: the next one sees the links of the process that had the row before.
            connection.execute(self._lock_job, (key,)).fetchone()
            connection.execute(_UNMARK, (_ALL_MARKS & ~mark, key, key, mark))

    def _awaited(self, queue_id: str, states: tuple[str, ...], mark: int, limit: int) -> list[JobRow]:
        statement = _AWAITED.format(states=", ".join("?" * len(states)))
        return [unflat(row) for row in self._database.query(statement, (queue_id, *states, mark, limit))]
