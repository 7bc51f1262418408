"""Store in a Postgres database, shared by any number of processes on any number of machines."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.stores.backend import BUSY_TIMEOUT_S
from themis.core.stores.job_rows import Fence
from themis.core.stores.postgres import appending, schema
from themis.core.stores.postgres.database import DIALECT, PostgresDatabase
from themis.core.stores.postgres.jobs import PostgresJobStore, ReadOnlyPostgresJobStore
from themis.core.stores.postgres.repeated_writes import RepeatedWrites
from themis.core.stores.postgres.run_locks import RunLocks
from themis.core.stores.run_locks import RunHolder


class PostgresRunStore(RepeatedWrites):
    """Keeps runs in a Postgres database.

    Args:
        url: its address.
        busy_timeout_s: seconds for which a server that was there before is waited for.
        read_only: whether it is only read; every method that writes fails then.

    Raises:
        ConfigError: the address is invalid.
        StoreError: on any use, when the database cannot be used; its subclasses say why.
    """

    _database: PostgresDatabase

    def __init__(self, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S, read_only: bool = False) -> None:
        """Make a store at `url`; nothing is opened yet."""
        super().__init__(PostgresDatabase(url, busy_timeout_s=busy_timeout_s, read_only=read_only), DIALECT)
        self._read_only = read_only
        self._jobs = (ReadOnlyPostgresJobStore if read_only else PostgresJobStore)(self._database)
        self._locks = RunLocks(self._database)
        self._resumed: set[int] = set()

    @property
    def is_there(self) -> bool:
        """Whether the database has the tables of a store."""
        return schema.is_there(self._database)

    @property
    def jobs(self) -> PostgresJobStore:
        """Jobs of queues, in the same database and the same transactions."""
        self._open()
        return self._jobs

    def initialize(self) -> None:
        """Make the tables, unless they exist; those of an older version are upgraded, where this role may do that."""
        if self._read_only:
            schema.check_readable(self._database)
        else:
            schema.ensure(self._database)
        self._ready = True

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        """Save outcomes and ends of cases, all or none; repeated while the server is away, as that changes nothing."""

        def write() -> None:
            self._locks.check(run_id)  # its session is lost with the server, and cannot be replaced before that is back
            super(PostgresRunStore, self).append(run_id, outcomes, ends, fence=fence)

        self._database.again(write)

    def hold_run(self, run_id: str, *, fence: Fence | None = None) -> AbstractContextManager[None]:
        """Lock a run for this process for the length of a block; workers, whose claims are fenced, share it."""
        self._open()
        return self._locks.hold(run_id, job=fence and fence.key)

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now, or that had it when it was killed."""
        self._open()
        return self._locks.look(run_id)

    def _insert(self, connection: Any, run_no: int, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd]) -> None:
        blobs: dict[str, bytes] = {}
        rows = appending.outcome_rows(run_no, outcomes, blobs)
        cases = appending.case_rows(run_no, ends)
        if not appending.append(connection, rows, cases, is_fresh=run_no not in self._resumed):
            self._resumed.add(run_no)
        self._insert_blobs(connection, blobs)

    def _insert_blobs(self, connection: Any, blobs: Mapping[str, bytes]) -> None:
        appending.add_blobs(connection, blobs)
