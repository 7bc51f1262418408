"""Reader of a SQLite file, which is opened read-only."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from themis.core.errors import NetworkFilesystemError, StoreError, StoreMissingError, UnavailableError
from themis.core.files.filesystems import network_filesystem
from themis.core.outcomes.failure_groups import FailedOutcome
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores import run_locks
from themis.core.stores.job_rows import JOB_COLUMNS, AttemptRow, JobRow, unflat
from themis.core.stores.reading import JobAndRun, RunRow, StoreLocation, StoreReader
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.sqlite import reading_statements as statements
from themis.core.stores.sqlite import run_statements
from themis.core.stores.sqlite.database import NETWORK_REASON, Database
from themis.core.stores.sqlite.job_statements import SELECT_META
from themis.core.stores.sqlite.jobs import STORE_ID, SqliteJobStore
from themis.core.stores.sqlite.schema import APPLICATION_ID, is_usable
from themis.core.stores.sqlite.score_tallies import read_tallies
from themis.core.stores.sqlite.tables import SCHEMA_VERSION

OLDEST_SCHEMA = 2
"""First schema with all that is read except scores: a store that only old workers have written is readable too."""

_SHAPES = (8, 64, 512)  # few, as SQLite caches every statement that it compiled
_JOB_COLUMNS = len(JOB_COLUMNS)


class SqliteReader(StoreReader):
    """Reads a SQLite file that others write; the file is neither written nor made.

    Args:
        location: the file.
        patience_s: seconds to wait while another process keeps it locked.
    """

    def __init__(self, location: StoreLocation, patience_s: float) -> None:
        """Make a reader; nothing is opened yet."""
        self._location = location
        self._database = ReadOnlyDatabase(location.path, busy_timeout_s=patience_s, retry_attempts=0)
        self._jobs = SqliteJobStore(self._database)
        self._known: int | None = None

    @property
    def location(self) -> StoreLocation:
        """Location of the file."""
        return self._location

    @property
    def store_id(self) -> str | None:
        """UUID of this store; None before a queue first used it."""
        found = self._database.query_one(SELECT_META, (STORE_ID,))
        return str(found[0]) if found else None

    def upgrade(self) -> None:
        """Upgrade the tables of an earlier version to this one."""
        upgrade(self._database)
        self._known = None

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

    def jobs_beginning(self, prefix: str, limit: int) -> list[JobAndRun]:
        """Return the first jobs whose key begins with `prefix`, each with its run, in order of their keys."""
        self._check_schema()
        keys = [row.key for row in self._jobs.find(prefix, limit)]
        found = self.jobs(keys)
        return [found[key] for key in keys if key in found]

    def job(self, key: str) -> JobRow | None:
        """Return a job; None when it does not exist."""
        self._check_schema()
        return self._jobs.load(key)

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
        self._check_schema()
        after = ""
        while page := self._jobs.jobs_of(queue_id, after=after):
            yield from page
            after = page[-1].key

    def last_ended(self, queue_id: str, limit: int) -> list[JobAndRun]:
        """Return the jobs of a queue that ended last, the latest first; reads every row."""
        return [_job_and_run(row) for row in self._query(statements.select_last_ended, (queue_id, limit))]

    def attempts(self, key: str) -> list[AttemptRow]:
        """Return the ended attempts of a job, in order."""
        self._check_schema()
        return self._jobs.attempts(key)

    def count_cases(self, run: RunRow) -> tuple[int, int]:
        """Count the ended cases of a run, and those of them that failed; reads each."""
        done, failed = self._query(run_statements.COUNT_CASES, (run.run_no,))[0]
        return done, failed

    def failed_outcomes(self, run: RunRow, limit: int) -> list[FailedOutcome]:
        """Return the first failed outcomes of failed cases of a run, in the order of cases and stages."""
        return [FailedOutcome(*row) for row in self._query(statements.SELECT_FAILED_OUTCOMES, (run.run_no, limit))]

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

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now, or that had it when it was killed."""
        return run_locks.look(self._database.path, run_id)

    def _query(self, statement: str | Callable[[int], str], values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a statement, or of what is made for the schema of this file."""
        schema = self._check_schema()
        return self._database.query(statement if isinstance(statement, str) else statement(schema), values)

    def _check_schema(self) -> int:
        if self._known is not None:
            return self._known
        found = self._schema()
        if not is_usable(found, OLDEST_SCHEMA):
            detail = f"is of schema {found}, but schema {OLDEST_SCHEMA} is needed here"
            raise StoreError(path=self._database.path, detail=detail)
        self._known = found if found >= statements.NAMED_SINCE else None  # it may be upgraded while this looks
        return found

    def _schema(self) -> int:
        return int(self._database.query("PRAGMA user_version")[0][0])


def _job_and_run(row: tuple[Any, ...]) -> JobAndRun:
    return JobAndRun(unflat(row[:_JOB_COLUMNS]), RunRow(*row[_JOB_COLUMNS:]))


class ReadOnlyDatabase(Database):
    """Existing database, opened read-only; nothing is written or made beside it.

    A file in a folder that cannot be written has no shared memory for its log. It is then read as one that nobody
    changes, which is only right where there is no log, as that would hold commits which the file does not have yet.
    """

    def _open(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise StoreMissingError(path=self.path)
        kind = network_filesystem(self.path)
        if kind is not None:
            raise NetworkFilesystemError(path=self.path, filesystem=kind, reason=NETWORK_REASON)
        return self._patiently(self._connect)

    def _connect(self) -> sqlite3.Connection:
        connection = self._connected("mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # the file is opened by this, not before
        except sqlite3.OperationalError as error:
            connection.close()
            if _is_denied(error) and not self.path.with_name(f"{self.path.name}-wal").exists():
                return self._connected("mode=ro&immutable=1")
            raise
        except BaseException:
            connection.close()
            raise
        return connection

    def _connected(self, options: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.as_uri()}?{options}",
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )


def upgrade(database: Database) -> None:
    """Upgrade the tables of an earlier version to this one, by opening the file for writing.

    Raises:
        StoreError: the file cannot be read, or has to be upgraded and cannot be written.
    """
    owner = database.query("PRAGMA application_id")[0][0]
    found = int(database.query("PRAGMA user_version")[0][0])
    if owner == APPLICATION_ID and is_usable(found, SCHEMA_VERSION):
        return
    from themis.core.stores.sqlite.store import SqliteRunStore  # noqa: PLC0415  # its models cost 100 ms, for an old store

    try:
        with closing(SqliteRunStore(database.path)) as store:
            store.initialize()  # reports why it cannot be read; or upgrades it to the schema that can
    except UnavailableError as error:
        if owner != APPLICATION_ID or found > SCHEMA_VERSION:
            raise
        detail = (
            f"is of schema {found}, and can be read after somebody who may write it has opened it once, "
            f"such as by `themis status` ({error})"
        )
        raise StoreError(path=database.path, detail=detail) from None
    database.close()


def _is_denied(error: sqlite3.OperationalError) -> bool:
    return (error.sqlite_errorcode & 0xFF) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
