"""Store in one SQLite file, shared by any number of processes on one machine."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.stores import run_locks
from themis.core.stores.job_rows import Fence
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.sql.run_store import SqlRunStore
from themis.core.stores.sql.tables import SCHEMA, SCHEMA_VERSION, UPGRADES
from themis.core.stores.sqlite.database import BUSY_TIMEOUT_S, Database
from themis.core.stores.sqlite.insert_statements import insert_blobs, insert_cases, insert_outcomes
from themis.core.stores.sqlite.jobs import DIALECT, SqliteJobStore
from themis.core.stores.sqlite.many_rows import insert_large_rows, insert_rows
from themis.core.stores.sqlite.outcome_rows import outcome_rows


class SqliteRunStore(SqlRunStore):
    """Keeps runs in a SQLite file.

    Args:
        path: the file; it and its folder are made on the first write.
        busy_timeout_s: seconds that SQLite itself waits for another writer.
        retry_attempts: number of retries on a busy database after that.
        retry_delay_s: seconds before a retry.

    Raises:
        StoreError: on any use, when the file cannot be used; its subclasses say why.
    """

    _database: Database

    def __init__(
        self,
        path: str | Path,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        retry_attempts: int = 5,
        retry_delay_s: float = 0.01,
    ) -> None:
        """Make a store on `path`; nothing is opened yet."""
        self.path = Path(path).absolute()
        database = Database(
            self.path, busy_timeout_s=busy_timeout_s, retry_attempts=retry_attempts, retry_delay_s=retry_delay_s
        )
        super().__init__(database, DIALECT)
        self._jobs: SqliteJobStore | None = None

    @property
    def is_there(self) -> bool:
        """Whether the file exists."""
        return self.path.is_file()

    @property
    def jobs(self) -> SqliteJobStore:
        """Jobs of queues, in the same file and the same transactions."""
        self._open()
        if self._jobs is None:
            self._jobs = SqliteJobStore(self._database)
        return self._jobs

    def initialize(self) -> None:
        """Make the file and its tables, unless they exist; tables of an older version are upgraded."""
        self._database.ensure_schema(SCHEMA, SCHEMA_VERSION, UPGRADES)
        self._ready = True

    def hold_run(self, run_id: str, *, fence: Fence | None = None) -> AbstractContextManager[None]:
        """Lock a run for this process for the length of a block; workers, whose claims are fenced, share it."""
        self._open()
        return run_locks.hold(self.path, run_id, job=fence and fence.key)

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now, or that had it when it was killed."""
        return run_locks.look(self.path, run_id)

    def _insert(self, connection: Any, run_no: int, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd]) -> None:
        blobs: dict[str, bytes] = {}
        for columns, rows in outcome_rows(run_no, outcomes, blobs).items():
            insert_rows(connection, partial(insert_outcomes, columns), rows)
        cases = [
            (run_no, no, dataset_no, case_id, digest, +failed, +through)
            for no, dataset_no, case_id, digest, failed, through in ends
        ]
        insert_rows(connection, insert_cases, cases)
        self._insert_blobs(connection, blobs)

    def _insert_blobs(self, connection: Any, blobs: Mapping[str, bytes]) -> None:
        insert_large_rows(connection, insert_blobs, list(blobs.items()))
