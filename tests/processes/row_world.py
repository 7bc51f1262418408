"""A queue of rows with a trivial executor, on a server whose clock a test can put ahead."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.processes.queue_world import RESULTS_SCHEMA, World
from tests.support import postgres_server
from themis.core.queue import ClaimResult, this_process
from themis.core.queue.model.queue_place import RowsPlace
from themis.core.queue.picking.skipped_jobs import Allow
from themis.core.queue.port import JobClaim
from themis.core.queue.rows.row_queue import RowQueue
from themis.core.stores.postgres.store import PostgresRunStore

# Found before the server's own function of that name, as the path of a session names the schema first.
_CLOCK = """
CREATE TABLE test_clock (ahead_s double precision NOT NULL);
INSERT INTO test_clock VALUES (0);
CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + ahead_s * interval ''1 second'' FROM test_clock';
CREATE FUNCTION statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.statement_timestamp() + ahead_s * interval ''1 second'' FROM test_clock'
"""


def clocked_url() -> str:
    """The address of a new store whose clock can be put ahead."""
    return clocked(f"{postgres_server.schema_url()}%2Cpg_catalog")


def clocked(url: str) -> str:
    """Make a store at an address, whose own functions come before the server's, with a clock that can be put ahead."""
    store = PostgresRunStore(url)
    store.initialize()
    with store.jobs.transaction() as session:
        for statement in (*_CLOCK.split(";\n"), *RESULTS_SCHEMA):
            session.run(statement)
    store.close()
    return url


class RowWorld(World):
    """A queue of rows, as one process sees it; each has a connection of its own to the store at `url`."""

    queue: RowQueue  # type: ignore[assignment]

    def __init__(self, url: str, worker: str = "worker", *, rescan_s: float = 0.0) -> None:
        """Open the queue."""
        self.runs = PostgresRunStore(url)
        self.runs.initialize()
        self.database = self.runs._database  # type: ignore[assignment]
        self.store = self.runs.jobs  # type: ignore[assignment]
        self.place = RowsPlace(url)
        self.queue = RowQueue(self.place, lambda: self.runs.jobs, rescan_s=rescan_s)
        self.address = self.queue._there.address
        self.result: ClaimResult[JobClaim] = ClaimResult()  # type: ignore[assignment]
        self.owner = this_process(worker)
        self.claims: list[JobClaim] = []

    def claim(self, *, allow: Allow | None = None, patient: bool = True) -> JobClaim | None:  # type: ignore[override]
        """The next job, claimed."""
        claim = super().claim(allow=allow, patient=patient)
        if claim is not None:
            self.claims.append(claim)
        return claim

    def claimed(self) -> JobClaim:  # type: ignore[override]
        """The next job, claimed, where there must be one."""
        found = self.claim()
        assert found is not None
        return found

    def files_of(self, key: str) -> list[str]:
        """The state of a job, in the place of the folders that have its file: there is one row."""
        row = self.store.load(key)
        return [] if row is None else [row.state]

    @contextmanager
    def later(self, seconds: float = 3_600.0) -> Iterator[None]:
        """A block in which the store's clock is ahead, and each living worker has renewed its leases."""
        self.put_clock(seconds)
        try:
            for claim in self.claims:
                if claim.is_held and self.store.load(claim.key).fence == claim.fence:  # type: ignore[union-attr]
                    claim.renew()
            yield
        finally:
            self.put_clock(-seconds)

    def put_clock(self, seconds: float) -> None:
        """Put the store's clock ahead."""
        with self.database.transaction() as session:
            session.execute("UPDATE test_clock SET ahead_s = ahead_s + ?", (float(seconds),))
        self.queue._there._asked_s = None

    def run(self, sql: str) -> None:
        """Run a statement."""
        with self.runs.jobs.transaction() as session:
            session.run(sql)

    def as_host(self, host: str) -> None:
        """Work as a process of another host from now on."""
        self._machine = (host, f"boot-of-{host}")
        self.owner = replace(self.owner, host=host, boot_id=f"boot-of-{host}")

    def close(self) -> None:
        """Close the store."""
        self.runs.close()
