"""What a queue does now, from its files and its stores, which are only read."""

import time
from pathlib import Path
from typing import NamedTuple

from themis.cli.progress import Pace
from themis.cli.run_rows import stores_of
from themis.cli.watch.crew import Crew
from themis.cli.watch.folders import Folders, Sparingly, read_folders
from themis.cli.watch.stores import WatchedStores
from themis.cli.watch.values import About, Ended, Look, Next, Running
from themis.core.queue import layout, pausing
from themis.core.queue.forecast import Backlog, Paces, Past, Work, forecast
from themis.core.queue.layout import Entry
from themis.core.queue.root import open_root
from themis.core.stores.sqlite_watch import UNKNOWN_NAMES, RunNames, WatchedJob
from workers.registry import workers_of

RUNS = 200
"""As many running jobs are looked at."""

NEXT = 5
ENDED = 5
HISTORY = 200
"""As many jobs that ended, the latest, tell how long others will take."""

COUNTED_CASES = 20_000
"""The progress of a larger run is taken from its worker's report where there is one: counting takes long."""

_NS = 1e9


class _Run(NamedTuple):
    """A job in somebody's hands; `for_s` is the age of its attempt in seconds."""

    entry: Entry
    job: WatchedJob
    names: RunNames
    done: int
    failed: int
    for_s: float

    @property
    def average(self) -> float | None:
        """Cases a second of the attempt, where nothing of it can have been done before."""
        return self.done / self.for_s if self.job.attempt == 1 and self.done and self.for_s > 0 else None


class Watcher:
    """Looks at a queue again and again.

    Raises:
        QueueRootError: on a look, when the folder is there and is not a queue's.
    """

    def __init__(self, root: Path) -> None:
        """At the queue in the folder `root`, which need not be there yet."""
        self._root = root
        self._queue_id = ""
        self._folders = Sparingly(lambda: read_folders(root))
        self._paths = Sparingly(lambda: stores_of(root))
        self._history = Sparingly(self._read_history)
        self._stores = WatchedStores()
        self._paces: dict[tuple[str, int], Pace] = {}

    def close(self) -> None:
        """Let go of the stores."""
        self._stores.close()

    def look(self) -> Look:
        """The queue as it is now."""
        now_ns = time.time_ns()
        root = open_root(self._root, write=False)
        if root is None:
            return Look(str(self._root), now_ns, exists=False)
        self._queue_id = root.queue_id
        folders = self._folders.get()
        jobs = self._stores.look(self._paths.get(), [entry.key for entry in _looked_at(folders)])
        workers = workers_of(self._root)
        crew = Crew(workers)
        runs = [self._run(entry, job, crew, now_ns) for entry in folders.claimed[:RUNS] if (job := _held(entry, jobs))]
        ended, past = self._history.get()
        paces = Paces([*past, *(Past(run.names.kinds, 1 / run.average) for run in runs if run.average)])
        running = [self._running(run, crew, paces) for run in runs]
        self._paces = {key: pace for key, pace in self._paces.items() if key in {_attempt(run) for run in runs}}
        slots = crew.slots(run.job.owner for run in runs if run.job.owner)
        backlog = self._backlog(folders, jobs, [*zip(runs, running, strict=True)], now_ns)
        return Look(
            str(self._root),
            now_ns,
            paused=pausing.read(self._root / layout.PAUSED_FILE),
            counts=folders.counts,
            slots=slots,
            forecast=forecast(backlog, max(slots, 1), paces),
            workers=workers,
            running=running,
            next=[self._next(entry, jobs.get(entry.key)) for entry in [*folders.queued, *folders.waiting][:NEXT]],
            ended=ended,
            troubles=self._stores.troubles,
        )

    def _run(self, entry: Entry, job: WatchedJob, crew: Crew, now_ns: int) -> _Run:
        report = crew.report(job.key, job.attempt)
        if report is not None and job.total > COUNTED_CASES and report.total:
            done, failed = report.done, report.failed
        else:
            done, failed = self._stores.count_cases(job)
        for_s = max(now_ns - (job.started_ns or now_ns), 0) / _NS
        return _Run(entry, job, self._stores.names(job), done, failed, for_s)

    def _running(self, run: _Run, crew: Crew, paces: Paces) -> Running:
        job = run.job
        pace = self._paces.setdefault(_attempt(run), Pace()).per_second(time.monotonic(), run.done)
        rate = pace if pace > 0 else run.average
        cases = max(job.total - run.done, 0)
        before = paces.of(run.names.kinds)
        left_s = cases / rate if rate else cases * before.middle if before else None
        is_lost = job.owner is not None and not crew.lives(job.owner)
        report = crew.report(job.key, job.attempt)
        return Running(
            about=_about(job, run.names),
            state="lost" if is_lost else "stopping" if job.cancel_requested else "running",
            attempt=job.attempt,
            worker=job.owner.worker if job.owner else None,
            slot=report.slot if report else None,
            for_s=run.for_s,
            total=job.total,
            done=run.done,
            failed=run.failed,
            rate=rate,
            left_s=None if is_lost else left_s,
        )

    def _backlog(
        self, folders: Folders, jobs: dict[str, WatchedJob], runs: list[tuple[_Run, Running]], now_ns: int
    ) -> Backlog:
        queued = [
            Work(
                self._stores.names(job).kinds,
                max(job.total - self._stores.count_cases(job)[0], 0),
                ready_s=max((job.ready_ns or 0) - now_ns, 0) / _NS,
            )
            for entry in [*folders.queued, *folders.waiting]
            if (job := jobs.get(entry.key)) is not None and job.state == "queued"
        ]
        last = jobs.get(folders.last_waiting.key) if folders.last_waiting else None
        return Backlog(
            running=[
                Work(run.names.kinds, max(shown.total - shown.done, 0), left_s=shown.left_s) for run, shown in runs
            ],
            queued=queued,
            beyond=max(folders.counts["queued"] + folders.counts["waiting"] - len(queued), 0),
            last_ready_s=max((last.ready_ns or 0) - now_ns, 0) / _NS if last else 0.0,
        )

    def _next(self, entry: Entry, job: WatchedJob | None) -> Next:
        if job is None:
            return Next(About(entry.key, None, UNKNOWN_NAMES.generator, ()), entry.priority, 0, 0, None)
        about = _about(job, self._stores.names(job))
        return Next(about, entry.priority, job.attempt + 1, job.total, job.ready_ns)

    def _read_history(self) -> tuple[list[Ended], list[Past]]:
        found = self._stores.last_ended(self._paths.get(), self._queue_id, HISTORY)
        past = [
            Past(names.kinds, took_s / job.total)
            for job, names in found
            if job.state == "done" and job.attempt == 1 and job.total and (took_s := _took_s(job)) is not None
        ]
        ended = [
            Ended(_about(job, names), job.state, job.attempt, job.ended_ns or 0, _took_s(job), self._reason(job))
            for job, names in found[:ENDED]
        ]
        return ended, past

    def _reason(self, job: WatchedJob) -> str:
        if job.state != "done":
            if job.message and job.message.startswith(job.cause or ""):
                return job.message
            return ": ".join(part for part in (job.cause, job.message) if part)
        failed = self._stores.failed_cases(job)
        return f"{failed:,} of {job.total:,} cases failed" if failed else ""


def _looked_at(folders: Folders) -> list[Entry]:
    last = [folders.last_waiting] if folders.last_waiting else []
    return [*folders.claimed[:RUNS], *folders.queued, *folders.waiting, *last]


def _held(entry: Entry, jobs: dict[str, WatchedJob]) -> WatchedJob | None:
    """The job of a file in `claimed`, if somebody runs it: a file lies there too while it is moved."""
    job = jobs.get(entry.key)
    return job if job is not None and job.state == "running" else None


def _attempt(run: _Run) -> tuple[str, int]:
    return run.job.key, run.job.attempt


def _about(job: WatchedJob, names: RunNames) -> About:
    return About(job.key, job.run_id, names.generator, names.datasets)


def _took_s(job: WatchedJob) -> float | None:
    """How long the last attempt of an ended job took, in seconds."""
    if job.started_ns is None or job.ended_ns is None:
        return None
    return max(job.ended_ns - job.started_ns, 0) / _NS
