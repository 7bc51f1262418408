"""A queue with a store and a trivial executor, and the promise as assertions: what tests that try to break it share."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from themis.core.processes import identity
from themis.core.queue import (
    AttemptOutcome,
    Cause,
    Claim,
    ClaimResult,
    FileQueue,
    NewJob,
    StoreAddress,
    Submission,
    this_process,
)
from themis.core.queue.folder.lease import LEASE_S
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model.layout import JOB_FOLDERS, parse
from themis.core.queue.model.states import ENDED, JobState
from themis.core.queue.picking.skipped_jobs import Allow
from themis.core.queue.port import JobClaim
from themis.core.queue.transitions.bulk_submitting import BulkJob
from themis.core.stores.sql.tables import JOB_TABLES
from themis.core.stores.sqlite.database import Database
from themis.core.stores.sqlite.jobs import SqliteJobStore

RESULTS_SCHEMA = (
    "CREATE TABLE runs_made (run_id TEXT NOT NULL)",
    "CREATE TABLE results (run_id TEXT NOT NULL, attempt INTEGER NOT NULL)",
)
SCHEMA = (*JOB_TABLES, *RESULTS_SCHEMA)
VERSION = 1


class ClockedDatabase(Database):
    """A database whose own clock can be put ahead, in all of a process's connections at once."""

    ahead_s = 0.0

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        # In the place of SQLite's own function of that name.
        connection.create_function("julianday", 1, lambda _: 2440587.5 + (time.time() + self.ahead_s) / 86_400)
        return connection


class HostQueue(FileQueue):
    """A queue as another host would see it, whose locks do not reach this one."""

    def lock_in(self, folder: Path) -> None:
        """Have it keep its locks in a folder of its own."""
        use = self._folder._use

        def use_with_locks(root: QueueRoot) -> None:
            folder.mkdir(exist_ok=True)
            use(replace(root, locks_folder=str(folder)))

        self._folder._use = use_with_locks  # type: ignore[method-assign]


class World:
    """A queue in `folder/queue` with a store in `folder/store.sqlite3`, as one process sees them.

    With `shared` the queue's folder is treated as shared by several hosts; a `host` has locks of its own.
    """

    def __init__(
        self,
        folder: Path,
        worker: str = "worker",
        *,
        copy_grace_s: float = 0.0,
        shared: bool = False,
        host: str | None = None,
    ) -> None:
        """Open both; the store is made unless it is there."""
        self.folder = folder
        self.database = ClockedDatabase(folder / "store.sqlite3")
        self.database.ensure_schema(SCHEMA, VERSION)
        self.store = SqliteJobStore(self.database)
        self.address = StoreAddress("sqlite", str(folder / "store.sqlite3"), self.store.store_id)
        kind = FileQueue if host is None else HostQueue
        self.queue = kind(
            folder / "queue",
            lambda _: self.store,
            rescan_s=0.0,
            copy_grace_s=copy_grace_s,
            shared=shared or host is not None,
        )
        if isinstance(self.queue, HostQueue):
            self.queue.lock_in(folder / f"locks-of-{host}")
        self.result: ClaimResult[Claim] = ClaimResult()
        self._machine = identity.machine() if host is None else (host, f"boot-of-{host}")
        with self.at_home():
            self.owner = this_process(worker)

    def job(self, run_id: str, **facts: object) -> NewJob:
        """A job with a payload of no consequence."""
        return NewJob(run_id, self.address, {"run": run_id}, "test", **facts)  # type: ignore[arg-type]

    def submit(self, run_id: str, *, rerun: bool = False) -> str:
        """Submit a job with its run; returns its key."""
        submission = self.queue.submit(self.job(run_id), prepare=lambda: self._make_run(run_id), rerun=rerun)
        return submission.row.key

    def submit_all(self, run_ids: Sequence[str], *, rerun: bool = False) -> list[list[Submission]]:
        """Submit jobs with their runs, many at once; returns the submissions of each batch."""
        jobs = [BulkJob(self.job(one), lambda one=one: self._make_run(one), rerun) for one in run_ids]  # type: ignore[misc]
        return list(self.queue.submit_all(jobs))

    def claim(self, *, allow: Allow | None = None, patient: bool = True) -> Claim | None:
        """The next job, claimed; what else the look for it came to is in `result`."""
        self.result = self.queue.claim(self.owner, allow=allow, patient=patient)
        return self.result.claim

    def claimed(self) -> Claim:
        """The next job, claimed, where there must be one."""
        found = self.claim()
        assert found is not None
        return found

    def finish(self, claim: JobClaim, outcome: AttemptOutcome | None = None) -> JobState:
        """Settle a claim, by default as done, with its result in the same transaction."""
        outcome = outcome or AttemptOutcome(Cause.DONE)
        also = (lambda: self._write_result(claim)) if outcome.cause is Cause.DONE else None
        return JobState(claim.settle(outcome, also=also).state)

    def drain(self) -> int:
        """Run every job to its end, also those that wait for a later time; returns how many attempts that took."""
        attempts = 0
        while True:
            with self.later() if attempts % 2 else now():
                claim = self.claim()
            if claim is None:
                with self.later():
                    claim = self.claim()
            if claim is None:
                return attempts
            attempts += 1
            self.finish(claim)

    def later(self) -> AbstractContextManager[None]:
        """A block an hour later."""
        return later()

    @contextmanager
    def at_home(self) -> Iterator[None]:
        """A block in which this process is on this world's host."""
        real = identity.machine
        identity.machine = lambda: self._machine  # type: ignore[assignment]
        try:
            yield
        finally:
            identity.machine = real

    def close(self) -> None:
        """Close the store."""
        self.database.close()

    def files_of(self, key: str) -> list[str]:
        """The folders in which a file of a job lies."""
        found = []
        for folder in JOB_FOLDERS:
            for path in (self.queue.path / folder).iterdir():
                entry = parse(folder, path.name)
                if entry is not None and entry.key == key:
                    found.append(folder)
        return found

    def results_of(self, run_id: str) -> int:
        """How many results a run has."""
        row = self.database.query_one("SELECT count(*) FROM results WHERE run_id = ?", (run_id,))
        return int(row[0]) if row else 0

    def assert_promise(self, run_id: str, *, state: JobState | None = None, ended_by_people: int = 0) -> None:
        """A job that was acknowledged has ended once: one file, in the folder of its state; one result if it is done.

        Args:
            run_id: its run.
            state: in which it must be; None for any end.
            ended_by_people: how often it was sent back after it was done.
        """
        key = self.job(run_id).key
        row = self.store.load(key)
        assert row is not None, f"{run_id} was acknowledged and is lost"
        assert row.state in ENDED, f"{run_id} is {row.state}"
        assert state is None or row.state == state, f"{run_id} is {row.state}, not {state}"
        assert self.files_of(key) == [row.state]
        assert row.cause is not None
        attempts = self.store.attempts(key)
        assert [attempt.attempt for attempt in attempts] == list(range(1, row.attempt + 1))
        assert all(attempt.cause is not None for attempt in attempts), "an attempt without an outcome"
        done = sum(attempt.cause == Cause.DONE for attempt in attempts)
        assert self.results_of(run_id) == done <= 1 + ended_by_people
        assert (row.state == JobState.DONE) <= (done >= 1)
        made = self.database.query("SELECT count(*) FROM runs_made WHERE run_id = ?", (run_id,))
        assert made == [(1,)], "its run was made with it, once"

    def _make_run(self, run_id: str) -> None:
        with self.database.transaction() as connection:
            if connection.execute("SELECT 1 FROM runs_made WHERE run_id = ?", (run_id,)).fetchone() is None:
                connection.execute("INSERT INTO runs_made VALUES (?)", (run_id,))

    def _write_result(self, claim: JobClaim) -> None:
        with self.database.transaction() as connection:
            connection.execute("INSERT INTO results VALUES (?, ?)", (claim.row.run_id, claim.attempt))


@contextmanager
def world(folder: Path, worker: str = "worker", *, shared: bool = False, host: str | None = None) -> Iterator[World]:
    """A world that is closed at the end of the block."""
    with closing(World(folder, worker, shared=shared, host=host)) as opened:
        yield opened


@contextmanager
def now() -> Iterator[None]:
    """A block at the time it is."""
    yield


@contextmanager
def later(seconds: float = 3_600.0) -> Iterator[None]:
    """A block in which the clock is ahead, so that what waits is due."""
    real = time.time_ns
    time.time_ns = lambda: real() + int(seconds * 1e9)
    try:
        yield
    finally:
        time.time_ns = real


@contextmanager
def leases_over(seconds: float = LEASE_S + 1.0) -> Iterator[None]:
    """A block so many seconds later by the store's clock and by this process's own, so that leases have run out."""
    real = time.monotonic
    time.monotonic = lambda: real() + seconds
    ClockedDatabase.ahead_s += seconds
    try:
        yield
    finally:
        time.monotonic = real
        ClockedDatabase.ahead_s -= seconds


def copy_database(source: Path, target: Path) -> None:
    """A copy of a database as its last commit left it."""
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)
