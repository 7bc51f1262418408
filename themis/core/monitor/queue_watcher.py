"""Repeated observation of a queue, from its files and its stores, which are only read."""

import time
from typing import NamedTuple

from themis.core.monitor.places.what_is_there import jobs_at, pause_at, queue_id_at, workers_at
from themis.core.monitor.queue_files import Upcoming
from themis.core.monitor.queue_now import About, EndedJob, QueueNow, RunningJob, UpcomingJob
from themis.core.monitor.recent_rate import RecentRate
from themis.core.monitor.run_outline import UNKNOWN, RunOutline
from themis.core.monitor.stores import stores_of
from themis.core.monitor.throttled_cache import ThrottledCache
from themis.core.monitor.watched_stores import WatchedStores
from themis.core.monitor.workers import LiveWorkers
from themis.core.queue.admin.forecast import Backlog, Paces, Past, Work, forecast
from themis.core.queue.model.layout import Entry
from themis.core.queue.model.predecessors import own_time_ns, waits_for
from themis.core.queue.model.queue_place import Place
from themis.core.stores.job_rows import JobRow
from themis.core.stores.reading import JobAndRun

AHEAD = 500
"""Number of next jobs that are read; those after them are only counted."""

RUNS = 200
"""Maximum number of running jobs that are read."""

NEXT = 5
ENDED = 5
HISTORY = 200
"""Number of ended jobs, the latest, from which the duration of others is predicted."""

COUNTED_CASES = 20_000
"""Size above which a run's progress comes from its worker's report, if there is one: counting is slow."""

_NS = 1e9
_SHARE = 0.05  # the maximum share of the time for slow reads


class _Files(NamedTuple):
    """The counts of a queue's files, and the jobs that are read."""

    counts: dict[str, int]
    upcoming: Upcoming


class _Run(NamedTuple):
    """A running job; `for_s` is the age of its attempt in seconds."""

    found: JobAndRun
    outline: RunOutline
    done: int
    failed: int
    for_s: float

    @property
    def average(self) -> float | None:
        """Cases per second of a first attempt; None for later ones, some of whose cases may have been done before."""
        return self.done / self.for_s if self.found.job.attempt == 1 and self.done and self.for_s > 0 else None


class QueueWatcher:
    """Observes a queue repeatedly.

    Raises:
        QueueRootError: from `look`, when the folder exists and is not a queue's.
    """

    def __init__(self, root: Place) -> None:
        """Observe the queue at the place `root`, which need not exist yet."""
        self._root = root
        self._queue_id = ""
        self._files = ThrottledCache(self._read_files, share=_SHARE)
        self._locations = ThrottledCache(lambda: stores_of(root), share=_SHARE)
        self._history = ThrottledCache(self._read_history, share=_SHARE)
        self._stores = WatchedStores()
        self._rates: dict[tuple[str, int], RecentRate] = {}

    def close(self) -> None:
        """Close the stores."""
        self._stores.close()

    def look(self) -> QueueNow:
        """Return the present state of the queue."""
        now_ns = time.time_ns()
        queue_id = queue_id_at(self._root)
        if queue_id is None:
            return QueueNow(str(self._root), now_ns, exists=False)
        self._queue_id = queue_id
        counts, upcoming = self._files.get()
        jobs = self._stores.look(self._locations.get(), [entry.key for entry in _looked_at(upcoming)])
        workers = workers_at(self._root)
        live = LiveWorkers(workers)
        runs = [self._run(found, live, now_ns) for entry in upcoming.claimed[:RUNS] if (found := _held(entry, jobs))]
        ended, past = self._history.get()
        paces = Paces([*past, *(Past(run.outline.kinds, 1 / run.average) for run in runs if run.average)])
        running = [self._running(run, live, paces) for run in runs]
        self._rates = {key: rate for key, rate in self._rates.items() if key in {_attempt(run) for run in runs}}
        slots = live.slots(run.found.job.owner for run in runs if run.found.job.owner)
        backlog = self._backlog(_Files(counts, upcoming), jobs, [*zip(runs, running, strict=True)], now_ns)
        return QueueNow(
            str(self._root),
            now_ns,
            paused=pause_at(self._root),
            counts=counts,
            slots=slots,
            forecast=forecast(backlog, max(slots, 1), paces),
            workers=workers,
            running=running,
            next=[self._next(entry, jobs.get(entry.key)) for entry in [*upcoming.queued, *upcoming.waiting][:NEXT]],
            ended=ended,
            troubles=self._stores.troubles,
        )

    def _read_files(self) -> _Files:
        files = jobs_at(self._root)
        return _Files({**files.counts, "rejected": files.rejected}, files.upcoming(AHEAD))

    def _run(self, found: JobAndRun, live: LiveWorkers, now_ns: int) -> _Run:
        job, total = found.job, found.run.total_cases
        report = live.report(job.key, job.attempt)
        if report is not None and total > COUNTED_CASES and report.total:
            done, failed = report.done, report.failed
        else:
            done, failed = self._stores.count_cases(found)
        for_s = max(now_ns - (job.started_ns or now_ns), 0) / _NS
        return _Run(found, self._stores.outline(found), done, failed, for_s)

    def _running(self, run: _Run, live: LiveWorkers, paces: Paces) -> RunningJob:
        job, total = run.found.job, run.found.run.total_cases
        recent = self._rates.setdefault(_attempt(run), RecentRate()).per_second(time.monotonic(), run.done)
        rate = recent if recent > 0 else run.average
        cases = max(total - run.done, 0)
        before = paces.of(run.outline.kinds)
        left_s = cases / rate if rate else cases * before.middle if before else None
        is_lost = job.owner is not None and not live.lives(job.owner)
        report = live.report(job.key, job.attempt)
        return RunningJob(
            about=_about(run.found, run.outline),
            state="lost" if is_lost else "stopping" if job.cancel_requested else "running",
            attempt=job.attempt,
            worker=job.owner.worker if job.owner else None,
            slot=report.slot if report else None,
            for_s=run.for_s,
            total=total,
            done=run.done,
            failed=run.failed,
            rate=rate,
            left_s=None if is_lost else left_s,
            limits=report.limits if report else (),
            stalled=report.stalled if report else None,
        )

    def _backlog(
        self, files: _Files, jobs: dict[str, JobAndRun], runs: list[tuple[_Run, RunningJob]], now_ns: int
    ) -> Backlog:
        upcoming = files.upcoming
        queued = [
            Work(
                self._stores.outline(found).kinds,
                max(found.run.total_cases - self._stores.count_cases(found)[0], 0),
                ready_s=max((own_time_ns(found.job) or 0) - now_ns, 0) / _NS,
            )
            for entry in [*upcoming.queued, *upcoming.waiting]
            if (found := jobs.get(entry.key)) is not None and found.job.state == "queued"
        ]
        last = jobs.get(upcoming.last_waiting.key) if upcoming.last_waiting else None
        return Backlog(
            running=[
                Work(run.outline.kinds, max(shown.total - shown.done, 0), left_s=shown.left_s) for run, shown in runs
            ],
            queued=queued,
            beyond=max(files.counts["queued"] + files.counts["waiting"] - len(queued), 0),
            last_ready_s=max((last.job.ready_ns or 0) - now_ns, 0) / _NS if last else 0.0,
        )

    def _next(self, entry: Entry, found: JobAndRun | None) -> UpcomingJob:
        if found is None:
            return UpcomingJob(About(entry.key, None, UNKNOWN.generator, ()), entry.priority, 0, 0, None)
        about = _about(found, self._stores.outline(found))
        job, total = found.job, found.run.total_cases
        return UpcomingJob(about, entry.priority, job.attempt + 1, total, own_time_ns(job), waits_for(job))

    def _read_history(self) -> tuple[list[EndedJob], list[Past]]:
        found = self._stores.last_ended(self._locations.get(), self._queue_id, HISTORY)
        past = [
            Past(outline.kinds, took_s / run.total_cases)
            for (job, run), outline in found
            if job.state == "done" and job.attempt == 1 and run.total_cases and (took_s := _took_s(job)) is not None
        ]
        ended = [
            EndedJob(
                _about(pair, outline),
                pair.job.state,
                pair.job.attempt,
                pair.job.ended_ns or 0,
                _took_s(pair.job),
                self._reason(pair),
            )
            for pair, outline in found[:ENDED]
        ]
        return ended, past

    def _reason(self, found: JobAndRun) -> str:
        job = found.job
        if job.state != "done":
            if job.message and job.message.startswith(job.cause or ""):
                return job.message
            return ": ".join(part for part in (job.cause, job.message) if part)
        failed = self._stores.failed_cases(found)
        return f"{failed:,} of {found.run.total_cases:,} cases failed" if failed else ""


def _looked_at(upcoming: Upcoming) -> list[Entry]:
    last = [upcoming.last_waiting] if upcoming.last_waiting else []
    return [*upcoming.claimed[:RUNS], *upcoming.queued, *upcoming.waiting, *last]


def _held(entry: Entry, jobs: dict[str, JobAndRun]) -> JobAndRun | None:
    """The job of a file in `claimed`, if it is running: a file is also there while it is moved."""
    found = jobs.get(entry.key)
    return found if found is not None and found.job.state == "running" else None


def _attempt(run: _Run) -> tuple[str, int]:
    return run.found.job.key, run.found.job.attempt


def _about(found: JobAndRun, outline: RunOutline) -> About:
    return About(found.job.key, found.job.run_id, outline.generator, outline.datasets, found.run.name)


def _took_s(job: JobRow) -> float | None:
    """Duration of the last attempt of an ended job, in seconds; None if it is unknown."""
    if job.started_ns is None or job.ended_ns is None:
        return None
    return max(job.ended_ns - job.started_ns, 0) / _NS
