"""Forecast of when a queue will be empty: the work left, at the pace of similar work before. Pure functions.

A case of a run is taken to last as long as the median case of the latest runs most like it. The jobs are then given to
the slots as workers give them: in order, each to the slot that is free first.
"""

import heapq
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

LATEST = 25
"""As many runs of a kind are looked at, the latest: models and machines change."""


@dataclass(frozen=True, slots=True)
class Past:
    """Duration of a case of a run.

    Attributes:
        kinds: what the run is, in words of one's own, the narrowest first.
        seconds_a_case: of the whole run's time.
    """

    kinds: tuple[str, ...]
    seconds_a_case: float


@dataclass(frozen=True, slots=True)
class Work:
    """A job that is not done.

    Attributes:
        kinds: as in `Past`.
        cases: that are left of its run; what has none takes as long as one.
        ready_s: seconds from now before which it may not begin.
        left_s: seconds that it will still take, where its own pace tells; None where its kind must.
    """

    kinds: tuple[str, ...]
    cases: int
    ready_s: float = 0.0
    left_s: float | None = None


class Pace(NamedTuple):
    """Seconds a case: a quarter of the runs took less than `low`, half of them `middle`, a quarter more than `high`."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that is left.

    Attributes:
        running: what slots are busy with; those beyond the slots that are there end, and make no room.
        queued: the next jobs, in the order in which they will be taken.
        beyond: how many jobs come after those; they are taken to be like them.
        last_ready_s: seconds from now before which the last of all may not begin.
    """

    running: Sequence[Work] = ()
    queued: Sequence[Work] = ()
    beyond: int = 0
    last_ready_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds from now until nothing is left to do.

    Attributes:
        low_s, middle_s, high_s: at the paces of a quick, a middling and a slow run.
        work_s: as `middle_s`, were no job to wait for its time.
        slots: that share the work.
        sampled: jobs that were looked at; the others are taken to be like them.
        jobs: all.
    """

    low_s: float
    middle_s: float
    high_s: float
    work_s: float
    slots: int
    sampled: int
    jobs: int


class Paces:
    """The paces of runs before, by what the runs were."""

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
        """The pace of the narrowest of `kinds` that was seen before, else of all runs; None when there were none."""
        return next((self._paces[kind] for kind in (*kinds, None) if kind in self._paces), None)


def forecast(backlog: Backlog, slots: int, paces: Paces) -> Forecast | None:
    """Estimate of when `slots` slots, at least one, have done all; None when nothing was ever done to judge by."""
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
    """Seconds until the last job ends, when each goes to the slot that is free first.

    Args:
        busy: seconds that what runs will still take.
        jobs: when each may begin and how long it takes; those that may begin are taken in order, the others when they
            may.
        slots: at least one.
    """
    free = sorted(busy)[:slots]
    free += [0.0] * (slots - len(free))
    heapq.heapify(free)
    end_s = max(busy, default=0.0)
    for ready_s, seconds in sorted(jobs, key=lambda job: job[0]):  # stable: in order otherwise
        job_end_s = max(free[0], ready_s) + seconds
        heapq.heapreplace(free, job_end_s)
        end_s = max(end_s, job_end_s)
    return end_s


def _end_s(backlog: Backlog, took: Sequence[float], slots: int) -> float:
    """End of all work, given the duration of each job of the sample."""
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
