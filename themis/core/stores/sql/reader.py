"""Reader of the tables of a database; nothing is written."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from themis.core.errors import StoreError
from themis.core.outcomes.failure_groups import FailedOutcome
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.job_rows import JOB_COLUMNS, AttemptRow, JobRow, unflat
from themis.core.stores.reading import JobAndRun, MemberRow, RunRow, StoreLocation, StoreReader
from themis.core.stores.sql import job_statements, run_statements
from themis.core.stores.sql import reading_statements as statements
from themis.core.stores.sql.database import SqlDatabase
from themis.core.stores.sql.jobs import STORE_ID
from themis.core.stores.sql.schema_numbers import is_usable
from themis.core.stores.sql.score_tallies import read_tallies

OLDEST_SCHEMA = 2
"""First schema with all that is read except scores: a store that only old workers have written is readable too."""

_PAGE = 1_000
_SHAPES = (8, 64, 512)  # few, as databases keep every statement that they compiled
_JOB_COLUMNS = len(JOB_COLUMNS)
_PAGE = 1_000


class SqlReader(StoreReader, ABC):
    """Reads a database that others write.

    Args:
        location: location of the store.
        database: the database, opened for reading only.
    """

    def __init__(self, location: StoreLocation, database: SqlDatabase) -> None:
        """Make a reader; nothing is opened yet."""
        self._location = location
        self._database = database
        self._known: int | None = None

    @property
    def location(self) -> StoreLocation:
        """Location of the store."""
        return self._location

    @property
    def store_id(self) -> str | None:
        """UUID of this store; None before a queue first used it."""
        found = self._database.query_one(job_statements.SELECT_META, (STORE_ID,))
        return str(found[0]) if found else None

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def runs_before(self, prefix: str, run: RunRow | None, limit: int) -> list[RunRow]:
        """Return the newest runs whose id begins with `prefix`, of those older than `run`, newest first."""
        # LIKE has special characters.
        pattern = "".join(sign for sign in prefix if sign.isalnum()) + "%"
        before = statements.AFTER_ANY_RUN if run is None else run.run_no
        return [RunRow(*row) for row in self._query(statements.select_runs_before, (pattern, before, limit))]

    def runs_named(self, name: str, limit: int) -> list[RunRow]:
        """Return the runs with exactly that name, newest first; none in a store that no version with names has used."""
        if self._check_schema() < statements.NAMED_SINCE:
            return []
        return [RunRow(*row) for row in self._query(statements.SELECT_RUNS_NAMED, (name, limit))]

    def group_members(self, group: str) -> list[MemberRow]:
        """Return the runs of a group, in the order in which they were added; none where no version with groups was."""
        if self._check_schema() < statements.GROUPS_SINCE:
            return []
        return [MemberRow(RunRow(*row[:-1]), row[-1]) for row in self._query(statements.SELECT_GROUP, (group,))]

    def group_names(self) -> list[str]:
        """Return the names of all groups, in their order."""
        if self._check_schema() < statements.GROUPS_SINCE:
            return []
        return [name for (name,) in self._query(run_statements.SELECT_GROUP_NAMES, ())]

    def jobs_beginning(self, prefix: str, limit: int) -> list[JobAndRun]:
        """Return the first jobs whose key begins with `prefix`, each with its run, in order of their keys."""
        between = (prefix, prefix + job_statements.AFTER_ANY_KEY, limit)
        keys = [row.key for row in self._job_rows(job_statements.SELECT_JOBS_BETWEEN, between)]
        found = self.jobs(keys)
        return [found[key] for key in keys if key in found]

    def job(self, key: str) -> JobRow | None:
        """Return a job; None when it does not exist."""
        found = self._job_rows(job_statements.SELECT_JOB, (key,))
        return found[0] if found else None

    def jobs(self, keys: Sequence[str]) -> dict[str, JobAndRun]:
        """Return those of the jobs that are in this store, each with its run, by key."""
        found: dict[str, JobAndRun] = {}
        for start in range(0, len(keys), _SHAPES[-1]):
            portion = keys[start : start + _SHAPES[-1]]
            shape = next(size for size in _SHAPES if size >= len(portion))
            places = [*portion, *[portion[-1]] * (shape - len(portion))]
            found |= {row[0]: _job_and_run(row) for row in self._query(partial(statements.select_jobs, shape), places)}
        return found

    def jobs_of(self, queue_id: str) -> Iterator[JobRow]:
        """Yield the jobs of a queue, in order of their keys."""
        after = ""
        while page := self._job_rows(job_statements.SELECT_JOBS_OF_QUEUE, (queue_id, after, _PAGE)):
            yield from page
            after = page[-1].key

    def last_ended(self, queue_id: str, limit: int) -> list[JobAndRun]:
        """Return the jobs of a queue that ended last, the latest first; reads every row."""
        return [_job_and_run(row) for row in self._query(statements.select_last_ended, (queue_id, limit))]

    def attempts(self, key: str) -> list[AttemptRow]:
        """Return the ended attempts of a job, in order."""
        select = partial(statements.in_schema, job_statements.SELECT_ATTEMPTS)
        return [AttemptRow(*row) for row in self._query(select, (key,))]

    def count_cases(self, run: RunRow) -> tuple[int, int]:
        """Count the ended cases of a run, and those of them that failed; reads each."""
        done, failed = self._query(run_statements.COUNT_CASES, (run.run_no,))[0]
        return done, failed

    def failed_outcomes(self, run: RunRow, limit: int) -> list[FailedOutcome]:
        """Return the first failed outcomes of failed cases of a run, in the order of cases and stages."""
        rows = self._query(statements.SELECT_FAILED_OUTCOMES, (run.run_no, limit))
        return [
            FailedOutcome(case_no, case_id, body if data is None else bytes(data).decode())
            for case_no, case_id, body, data in rows
        ]

    def score_tallies(self, run: RunRow) -> dict[int, ScoreTally]:
        """Return the tally of each metric's scores in a run, by its item."""
        return read_tallies(self._query, run.run_no, run.total_cases)

    def spends(self, run: RunRow) -> dict[int, str]:
        """Return the spend of each execution of a run, by its number."""
        return dict(self._query(run_statements.SELECT_SPENDS, (run.run_no,)))

    def aggregates(self, run: RunRow) -> dict[int, str]:
        """Return the figures of each metric over a run, by its item."""
        return dict(self._query(run_statements.SELECT_AGGREGATES, (run.run_no,)))

    def snapshot_text(self, run: RunRow) -> bytes | None:
        """Return the JSON text of a run's snapshot; None when it does not exist."""
        found = self._query(run_statements.SELECT_BLOB, (run.snapshot,))
        return bytes(found[0][0]) if found else None

    def _job_rows(self, statement: str, values: Sequence[Any]) -> list[JobRow]:
        return [unflat(row) for row in self._query(partial(statements.in_schema, statement), values)]

    def _query(self, statement: str | Callable[[int], str], values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement, or of what is made for the schema of this store."""
        schema = self._check_schema()
        return self._database.query(statement if isinstance(statement, str) else statement(schema), values)

    def _check_schema(self) -> int:
        if self._known is not None:
            return self._known
        found = self._schema()
        if not is_usable(found, OLDEST_SCHEMA):
            detail = f"is of schema {found}, but schema {OLDEST_SCHEMA} is needed here"
            raise StoreError(path=self._database.label, detail=detail)
        self._known = found if found >= statements.PREDECESSORS_SINCE else None  # it may be upgraded while this looks
        return found

    @abstractmethod
    def _schema(self) -> int:
        """Return the schema of the store, see `schema_numbers`."""


def _job_and_run(row: tuple[Any, ...]) -> JobAndRun:
    return JobAndRun(unflat(row[:_JOB_COLUMNS]), RunRow(*row[_JOB_COLUMNS:]))
