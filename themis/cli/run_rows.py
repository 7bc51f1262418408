"""Runs as their rows tell them: read without the engine and its models, whose import takes longer than the reading."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from themis.core.errors import StoreError
from themis.core.queue.manifest_file import StoreAddress
from themis.core.score_tally import MetricSummary, summaries
from themis.core.stores import run_locks
from themis.core.stores.job_rows import AttemptRow, JobRow, job_key
from themis.core.stores.score_tallies import read_tallies
from themis.core.stores.sql import runs as sql
from themis.core.stores.sqlite_database import Database
from themis.core.stores.sqlite_jobs import SqliteJobStore
from themis.core.stores.sqlite_schema import APPLICATION_ID, is_usable
from themis.core.stores.standing import Standing, standing

KNOWN_SCHEMA = 3
"""The schema that is read here; a store that has not all of it is left to the store's own reading, or refusal."""


PAGE_RUNS = 1_000
_AFTER_ANY_RUN = 2**62


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run, and the job that does it, as they stand.

    Attributes:
        status: of the run: `pending`, `running`, `completed`, …
        error: why it failed, as far as its own row tells.
        started_ms, ended_ms: milliseconds since 1970 UTC.
        done, failed: how many cases ended, and how many of those failed.
        metrics: what they come to, with the scores that there are.
        job: None for a run that was not submitted to a queue.
        store: the file that it is in.
        standing: how it stands, by all of that and its lock.
    """

    run_id: str
    status: str
    completed_through: str | None
    total: int
    error: str | None
    started_ms: int | None
    ended_ms: int | None
    done: int
    failed: int
    metrics: dict[str, MetricSummary]
    job: JobRow | None
    store: Path
    standing: Standing


class _Facts(NamedTuple):
    """A run's row as it is selected."""

    run_id: str
    status: str
    completed_through: str | None
    total: int
    error: str | None
    created_ms: int
    started_ms: int | None
    ended_ms: int | None


class RunRows:
    """The runs in a SQLite file.

    Args:
        path: the file; none is made.

    Raises:
        StoreError: it is not there; or, on any use, it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise StoreError(path=path, detail="is not there")
        self._path = path
        self._database = Database(path)
        self._jobs = SqliteJobStore(self._database)
        if not self._is_known():
            from themis.core.stores.sqlite import SqliteRunStore

            SqliteRunStore(path).initialize()  # says why it cannot be read; or brings it to the schema that can

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def find(self, prefix: str, limit: int | None, *, with_means: bool = True) -> Iterator[RunRow]:
        """Runs whose id begins with `prefix`, newest first, `limit` of them or all; quick without their means."""
        for *found, run_no in islice(self._pages(prefix), limit):
            facts = _Facts(*found)
            done, failed = self._one(sql.COUNT_CASES, run_no)
            job = self._jobs.load(job_key(facts.run_id, self._jobs.store_id))
            yield RunRow(
                run_id=facts.run_id,
                status=facts.status,
                completed_through=facts.completed_through,
                total=facts.total,
                error=facts.error,
                started_ms=facts.started_ms,
                ended_ms=facts.ended_ms,
                done=done,
                failed=failed,
                metrics=self._metrics(facts.run_id, run_no, facts.total, failed) if done and with_means else {},
                job=job,
                store=self._path,
                standing=standing(facts, job, partial(run_locks.look, self._path, facts.run_id)),
            )

    def _pages(self, prefix: str) -> Iterator[tuple[Any, ...]]:
        """The rows of runs, read a page at a time: there may be very many."""
        pattern = "".join(sign for sign in prefix if sign.isalnum()) + "%"
        before = _AFTER_ANY_RUN
        while page := self._database.query(sql.SELECT_RUNS_BEFORE, (pattern, before, PAGE_RUNS)):
            yield from page
            before = page[-1][-1]

    def attempts(self, job: JobRow) -> list[AttemptRow]:
        """The attempts of a job, in order."""
        return self._jobs.attempts(job.key)

    def unfinished_jobs(self, queue_id: str) -> list[str]:
        """The keys of a queue's jobs that have not ended."""
        keys: list[str] = []
        after = ""
        while page := self._jobs.jobs_of(queue_id, after=after):
            keys += [row.key for row in page if row.state in {"queued", "running"}]
            after = page[-1].key
        return keys

    def job(self, key: str) -> JobRow | None:
        """A job, or None."""
        return self._jobs.load(key)

    def _metrics(self, run_id: str, run_no: int, total: int, failed: int) -> dict[str, MetricSummary]:
        tallies = read_tallies(self._database.query, run_no, total)
        return summaries(self._metric_ids(run_id), tallies, total=total, failed=failed)

    def _metric_ids(self, run_id: str) -> list[str]:
        data = self._one(sql.SELECT_BLOB, self._one(sql.SELECT_SNAPSHOT, run_id)[0])[0]
        refs = json.loads(bytes(data))["component_refs"]["metrics"]
        return [str(ref["component_id"]) for ref in refs]

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...]:
        return self._database.query(statement, values)[0]

    def _is_known(self) -> bool:
        owner, schema = self._one("PRAGMA application_id")[0], self._one("PRAGMA user_version")[0]
        return bool(owner == APPLICATION_ID and is_usable(schema, KNOWN_SCHEMA))


class JobStores:
    """Opens the jobs of the stores that manifests name, as `StoreCache` does, and no more of them."""

    def __init__(self) -> None:
        self._databases: list[Database] = []

    def __call__(self, address: StoreAddress) -> SqliteJobStore:
        """The jobs of the store at an address.

        Raises:
            StoreError: it is not there, or cannot be read.
        """
        if not Path(address.path).is_file():
            raise StoreError(path=address.path, detail="is not there")
        database = Database(address.path)
        self._databases.append(database)
        return SqliteJobStore(database)

    def close(self) -> None:
        """Close them all."""
        for database in self._databases:
            database.close()


def stores_of(queue_root: Path) -> list[Path]:
    """The SQLite files that a queue's jobs are in, and the one that lies beside a queue by default, if it is there.

    Those that the queue names are among them though they be gone. One that went with a queue that was moved or copied
    is where it is now.

    Raises:
        QueueRootError: the folder is not a queue's, and not missing either.
    """
    from themis.core.queue import places
    from themis.core.queue.root import open_root, read_queue_file
    from themis.core.queue.store_book import StoreBook

    root = open_root(queue_root, write=False)
    beside = queue_root.parent / "themis.sqlite3"
    found = [beside] if beside.exists() else []
    if root is not None:
        recorded = places.said(read_queue_file(root.path))
        now = places.rebase(recorded.path, str(root.path)) if recorded else str
        found += [Path(now(address.path)) for address in StoreBook.addresses_of(root)]
    return list(dict.fromkeys(found))
