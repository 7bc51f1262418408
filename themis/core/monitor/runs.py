"""Present state of runs, from their rows, the rows of their jobs, and their locks.

They are read without the engine and its models, whose import takes longer than the reading.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from themis.core.monitor.places.what_is_there import queue_id_at, workers_at
from themis.core.monitor.run_filter import ALL_RUNS, RunFilter
from themis.core.monitor.run_outline import RunOutlines
from themis.core.monitor.workers import LiveWorkers, calls_document
from themis.core.outcomes.failure_groups import MOST_READ, FailureGroup, failure_groups
from themis.core.queue.model.predecessors import waits_for
from themis.core.queue.model.queue_place import Place
from themis.core.statistics.score_tally import MetricSummary, means_of, summaries
from themis.core.stores.job_rows import AttemptRow, JobRow, job_key
from themis.core.stores.reading import RunRow, StoreLocation, StoreReader
from themis.core.stores.registry import PATIENCE_S, reader_of
from themis.core.stores.standing import Standing, standing
from themis.core.text.run_names import labels_in
from themis.core.values.run_ends import reason_of

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import SlotReport

PAGE_RUNS = 1_000
"""Runs that are read at a time, since there may be very many."""

_UNFINISHED = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class RunNow:
    """A run and its job at one moment.

    Attributes:
        name: by which people find it; None for a run of an earlier version.
        labels: its labels.
        created_ms: time when it was added, in milliseconds since 1970 UTC.
        status: the status in the run's row: `pending`, `running`, `completed`, …
        completed_through: the last stage that did anything, of those that it has completed.
        started_ms, ended_ms: milliseconds since 1970 UTC.
        done, failed: number of ended cases, and number of those that failed.
        metrics: summaries of the scores so far, by metric.
        job: None for a run that was not submitted to a queue.
        store: the path of its store.
        standing: its overall state, derived from all of this and its lock.
        slot: the report of the slot that runs its job; None if no registered worker of the queue does.
    """

    run_id: str
    name: str | None
    labels: dict[str, str]
    created_ms: int
    status: str
    completed_through: str | None
    total: int
    started_ms: int | None
    ended_ms: int | None
    done: int
    failed: int
    metrics: dict[str, MetricSummary]
    job: JobRow | None
    store: str
    standing: Standing
    slot: "SlotReport | None" = None

    @property
    def state(self) -> str:
        """The state of the run in one word."""
        return self.standing.state

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        job = self.job
        return {
            "run_id": self.run_id,
            "name": self.name,
            "labels": self.labels,
            "state": self.state,
            "completed_through_stage": self.completed_through,
            "total_cases": self.total,
            "completed_cases": self.done - self.failed,
            "failed_cases": self.failed,
            "partial": self.done < self.total,
            "metric_means": means_of(self.metrics),
            "metrics": {name: found.document() for name, found in self.metrics.items()},
            "attempt": job.attempt if job else None,
            "worker": job.owner.worker if job and job.owner else None,
            "job": job.key if job else None,
            "after": list(waits_for(job)) if job else [],
            "reason": reason_of(self.state, self.standing.error),
            "error": self.standing.error,
            "store": self.store,
            **calls_document(self.slot),
        }


class StoredRuns:
    """The runs in a store.

    Raises:
        StoreError: the store does not exist or cannot be read, when it is opened or used.
    """

    def __init__(
        self, location: StoreLocation, *, patience_s: float = PATIENCE_S, queue_root: Place | None = None
    ) -> None:
        """Open the store at a location, waiting up to `patience_s` if it is busy; upgrade it from earlier versions.

        The workers of the queue in `queue_root` say what the calls of its running jobs do.
        """
        self._reader = reader_of(location, patience_s=patience_s)
        self._reader.upgrade()
        self._outlines = RunOutlines(self._reader)
        self._store_id: str | None = None
        self._queue_root = queue_root

    @property
    def reader(self) -> StoreReader:
        """The store, opened for reading."""
        return self._reader

    def close(self) -> None:
        """Close the store."""
        self._reader.close()

    def find(
        self, prefix: str, limit: int | None, *, with_means: bool = True, chosen: RunFilter = ALL_RUNS
    ) -> Iterator[RunNow]:
        """Yield chosen runs whose id begins with `prefix`, newest first, up to `limit`; fast without `with_means`."""
        self._store_id = self._store_id or self._reader.store_id
        live = _Workers(self._queue_root)
        fitting = (run for run in self._pages(prefix) if chosen.fits(run, partial(self._outlines.of, run)))
        for run in islice(fitting, limit):
            yield self._now(run, live, with_means=with_means)

    def failures(self, run_id: str) -> list[FailureGroup]:
        """The reasons of a run's failed cases, with the cases of each, the most frequent first."""
        found = [self._reader.failed_outcomes(run, MOST_READ) for run in self._reader.runs_before(run_id, None, 1)]
        return failure_groups(found[0] if found else ())

    def spends(self, run_id: str) -> list[str]:
        """The spend of each execution of a run, see `themis.core.cost.spend`."""
        return [text for run in self._reader.runs_before(run_id, None, 1) for text in self._reader.spends(run).values()]

    def _pages(self, prefix: str) -> Iterator[RunRow]:
        before: RunRow | None = None
        while page := self._reader.runs_before(prefix, before, PAGE_RUNS):
            yield from page
            before = page[-1]

    def _now(self, run: RunRow, live: "_Workers", *, with_means: bool) -> RunNow:
        done, failed = self._reader.count_cases(run)
        job = None if self._store_id is None else self._reader.job(job_key(run.run_id, self._store_id))
        return RunNow(
            run_id=run.run_id,
            name=run.name,
            labels=labels_in(run.labels),
            created_ms=run.created_ms,
            status=run.status,
            completed_through=self._completed_through(run),
            total=run.total_cases,
            started_ms=run.started_ms,
            ended_ms=run.ended_ms,
            done=done,
            failed=failed,
            metrics=self._metrics(run, failed) if done and with_means else {},
            job=job,
            store=self._reader.location.path,
            standing=standing(run, job, partial(self._reader.run_holder, run.run_id)),
            slot=live.slot_of(job),
        )

    def _completed_through(self, run: RunRow) -> str | None:
        return None if run.completed_through is None else self._outlines.of(run).last_stage(run.completed_through)

    def _metrics(self, run: RunRow, failed: int) -> dict[str, MetricSummary]:
        tallies = self._reader.score_tallies(run)
        aggregates = self._reader.aggregates(run)
        return summaries(self._outlines.of(run).metrics, tallies, aggregates, total=run.total_cases, failed=failed)

    def attempts(self, job: JobRow) -> list[AttemptRow]:
        """The ended attempts of a job, in order."""
        return self._reader.attempts(job.key)

    def unfinished_jobs(self, queue_id: str) -> Iterator[str]:
        """The keys of a queue's jobs that have not ended."""
        return (row.key for row in self._reader.jobs_of(queue_id) if row.state in _UNFINISHED)

    def job(self, key: str) -> JobRow | None:
        """The job with a key; None if there is none."""
        return self._reader.job(key)


class _Workers:
    """The workers of a queue, which are read when the first running job is met."""

    def __init__(self, queue_root: Place | None) -> None:
        self._queue_root = queue_root
        self._live: LiveWorkers | None = None

    def slot_of(self, job: JobRow | None) -> "SlotReport | None":
        """The report of the slot that runs a job; None if no worker of the queue does."""
        if self._queue_root is None or job is None or job.state != "running":
            return None
        if self._live is None:
            self._live = LiveWorkers(workers_at(self._queue_root))
        return self._live.report(job.key, job.attempt)


def unfinished_jobs(queue_root: Place, stores: Iterable[StoredRuns]) -> list[tuple[StoredRuns, str]]:
    """The keys of a queue's jobs that have not ended, each with its store; none before the first submission.

    Raises:
        QueueRootError: the folder exists and is not a queue's.
    """
    queue_id = queue_id_at(queue_root)
    return [] if queue_id is None else [(store, key) for store in stores for key in store.unfinished_jobs(queue_id)]


def run_now(location: StoreLocation, run_id: str, *, patience_s: float = PATIENCE_S) -> RunNow | None:
    """Return one run as it is now; None when the store does not have it.

    Raises:
        StoreError: the store does not exist, or cannot be read.
    """
    with closing(StoredRuns(location, patience_s=patience_s)) as runs:
        return next(runs.find(run_id, 1), None)
