"""Forecast of the time when a queue is empty: the remaining work, at the pace of similar work before. Pure functions.

A case of a run is assumed to take the median time of a case in the latest runs most like it. The jobs are then assigned
to the slots as workers assign them: in order, each to the slot that is free first.
"""

import heapq
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

LATEST = 25
"""Number of runs of a kind that are used, the latest ones: models and machines change."""


@dataclass(frozen=True, slots=True)
class Past:
    """Pace of an earlier run.

    Attributes:
        kinds: names of what the run is, the narrowest first.
        seconds_a_case: time of the whole run divided by its cases.
    """

    kinds: tuple[str, ...]
    seconds_a_case: float


@dataclass(frozen=True, slots=True)
class Work:
    """Job that is not done.

    Attributes:
        kinds: as in `Past`.
        cases: remaining cases of its run; a job without any takes as long as one case.
        ready_s: seconds from now before which it may not begin.
        left_s: remaining seconds by its own pace; None where the pace of its kind is needed.
    """

    kinds: tuple[str, ...]
    cases: int
    ready_s: float = 0.0
    left_s: float | None = None


class Pace(NamedTuple):
    """Seconds a case: the lower quartile (`low`), the median (`middle`) and the upper quartile (`high`) of the runs."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """Remaining work.

    Attributes:
        running: jobs that the slots are running; those beyond the number of slots end without freeing a slot.
        queued: the next jobs, in the order of claiming.
        beyond: number of jobs after those, assumed to be like them.
        last_ready_s: seconds from now before which the last of all jobs may not begin.
    """

    running: Sequence[Work] = ()
    queued: Sequence[Work] = ()
    beyond: int = 0
    last_ready_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast of the time until nothing is left to do, in seconds from now.

    Attributes:
        low_s, middle_s, high_s: at the paces of a fast, a median and a slow run.
        work_s: as `middle_s`, if no job had to wait for its time.
        slots: number of slots that share the work.
        sampled: number of jobs that were examined; the others are assumed to be like them.
        jobs: number of all jobs.
    """

    low_s: float
    middle_s: float
    high_s: float
    work_s: float
    slots: int
    sampled: int
    jobs: int


class Paces:
    """Paces of earlier runs, by kind."""

    def __init__(self, past: Iterable[Past]) -> None:
        """Learn from `past`, the latest first."""
        seconds: dict[str | None, list[float]] = {}
        for run in past:
            for kind in (*run.kinds, None):
                of_kind = seconds.setdefault(kind, [])
                if len(of_kind) < LATEST:
                    of_kind.append(run.seconds_a_case)
        self._paces = {kind: _pace(of_kind) for kind, of_kind in seconds.items()}

    def of(self, kinds: Sequence[str]) -> Pace | None:
        """Return the pace of the narrowest of `kinds` that is known, else of all runs; None when there were none."""
        return next((self._paces[kind] for kind in (*kinds, None) if kind in self._paces), None)


def forecast(backlog: Backlog, slots: int, paces: Paces) -> Forecast | None:
    """Forecast the end of all jobs with that number of slots, at least one; None when no earlier run gives a pace."""
    works = (*backlog.running, *backlog.queued)
    found = [
        paces.of(work.kinds) if work.left_s is None else _known(work.left_s / max(work.cases, 1)) for work in works
    ]
    known = [pace for pace in found if pace is not None]
    if len(known) < len(works) or (backlog.beyond and not works):
        return None
    low, middle, high = (
        [max(work.cases, 1) * pace[level] for work, pace in zip(works, known, strict=True)]
        for level in range(len(Pace._fields))
    )
    at_once = Backlog(backlog.running, [replace(work, ready_s=0.0) for work in backlog.queued], backlog.beyond)
    return Forecast(
        low_s=_end_s(backlog, low, slots),
        middle_s=_end_s(backlog, middle, slots),
        high_s=_end_s(backlog, high, slots),
        work_s=_end_s(at_once, middle, slots),
        slots=slots,
        sampled=len(backlog.queued),
        jobs=len(backlog.queued) + backlog.beyond,
    )


def makespan(busy: Sequence[float], jobs: Iterable[tuple[float, float]], slots: int) -> float:
    """Return the seconds until the last job ends, when each goes to the slot that is free first.

    Args:
        busy: remaining seconds of each running job.
        jobs: for each job the seconds before it may begin, and those that it takes; jobs that may begin are taken in
            order, the others when they may.
        slots: at least one.
    """
    free = sorted(busy)[:slots]
    free += [0.0] * (slots - len(free))
    heapq.heapify(free)
    end_s = max(busy, default=0.0)
    for ready_s, seconds in sorted(jobs, key=lambda job: job[0]):  # stable: keeps the order otherwise
        job_end_s = max(free[0], ready_s) + seconds
        heapq.heapreplace(free, job_end_s)
        end_s = max(end_s, job_end_s)
    return end_s


def _end_s(backlog: Backlog, took: Sequence[float], slots: int) -> float:
    """Return the seconds until all ends, given the seconds that each examined job takes."""
    busy, coming = took[: len(backlog.running)], took[len(backlog.running) :]
    jobs = [(work.ready_s, seconds) for work, seconds in zip(backlog.queued, coming, strict=True)]
    unseen_s = backlog.beyond * statistics.fmean(coming or busy or [0.0]) / slots
    return max(makespan(busy, jobs, slots) + unseen_s, backlog.last_ready_s)


def _known(seconds: float) -> Pace:
    return Pace(seconds, seconds, seconds)


def _pace(seconds: Sequence[float]) -> Pace:
    if len(seconds) == 1:
        return _known(seconds[0])
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Pace(low, middle, high)
