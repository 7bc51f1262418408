"""Reasons why a job is not running, or a queue is paused, derived from values without I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from themis.core.values.durations import how_long, local_time

if TYPE_CHECKING:  # describing a pause needs none of them
    from themis.core.queue.folder.pausing import Pause
    from themis.core.queue.folder.worker_registry import SeenWorker
    from themis.core.stores.job_rows import JobRow

_NS = 1e9
_SHOWN_JOBS = 3
_BATCH = "batch"
"""The cause of an attempt that left its questions with a provider."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why a job is not running, or not as it should.

    Attributes:
        word: an identifier for programs.
        text: a sentence for people.
    """

    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of a job.

    Attributes:
        now_ns: the time, in nanoseconds since 1970 UTC.
        pause: the pause of the queue; None if it is not paused.
        held: whether the job is locked.
        before: number of jobs that will be taken before it.
        tags: the tags that a worker needs to take it.
        workers: all registered workers, dead ones too.
        store_error: why its store cannot be opened; None if it can.
        suspended: whether the process of its worker is suspended.
        waits_for: jobs that it waits for, as texts; None for one that waits for none.
    """

    now_ns: int
    pause: "Pause | None" = None
    held: bool = False
    before: int = 0
    tags: Sequence[str] = ()
    workers: "Sequence[SeenWorker]" = field(default_factory=tuple)
    store_error: str | None = None
    suspended: bool = False
    waits_for: Sequence[str] | None = None


def reasons(row: "JobRow", around: Surroundings) -> list[Reason]:
    """Reasons why a queued job does not run yet, or what is wrong with a running one; none when it has ended.

    Reasons that keep every worker from it come alone; its position in the order only matters if there are none.
    """
    found = []
    if row.state in {"queued", "running"} and around.store_error is not None:
        found.append(Reason("store", f"its store cannot be opened: {around.store_error}"))
    if row.state == "queued":
        found += _keeping_everybody(row, around)
        return found or _keeping_it_back(around)
    if row.state == "running":
        found += _amiss(row, around)
    return found


def pause_text(pause: "Pause") -> str:
    """A sentence that says who paused a queue, when and why."""
    if pause.by is None:
        return "the queue is paused"
    why = f": {pause.reason}" if pause.reason else ""
    return f"the queue is paused, by {pause.by} at {local_time(pause.at_ns)}{why}"


def _keeping_everybody(row: "JobRow", around: Surroundings) -> list[Reason]:
    found = []
    if around.pause is not None:
        found.append(Reason("paused", pause_text(around.pause)))
    if row.cancel_requested:
        found.append(Reason("cancel requested", "its cancellation was requested"))
    wait_s = ((row.ready_ns or 0) - around.now_ns) / _NS
    if around.waits_for is not None:
        found.append(Reason("after", _after(around.waits_for)))
    elif wait_s > 0:
        until = f"it waits until {local_time(row.ready_ns)}, for {how_long(wait_s)} more"
        if row.cause == _BATCH:
            found.append(Reason("batch", f"it {row.message}; {until.removeprefix('it ')}"))
        elif row.failures:
            after = f", after attempt {row.attempt} failed ({row.cause}): {row.failures} of {row.max_attempts} tries"
            found.append(Reason("backoff", f"{until}{after}"))
        else:
            found.append(Reason("not before", until))
    alive = [seen.report for seen in around.workers if seen.alive]
    if around.tags and alive and not any(set(around.tags) <= set(report.tags) for report in alive):
        found.append(Reason("tags", f"no live worker has its tags: {', '.join(around.tags)}"))
    return found


def _after(waits_for: Sequence[str]) -> str:
    if not waits_for:
        return "the jobs that it waited for have ended, which the next worker that looks for a job acts on"
    more = f"; and for {len(waits_for) - _SHOWN_JOBS:,} more" if len(waits_for) > _SHOWN_JOBS else ""
    return f"it waits for {'; for '.join(waits_for[:_SHOWN_JOBS])}{more}"


def _keeping_it_back(around: Surroundings) -> list[Reason]:
    if around.held:
        return [Reason("locked", "it is locked: a worker or a command is moving it now")]
    found = []
    if around.before:
        jobs = "1 job is" if around.before == 1 else f"{around.before:,} jobs are"
        found.append(Reason("order", f"{jobs} ahead of it"))
    else:
        found.append(Reason("next", "it is the next job to be taken"))
    alive = [seen.report for seen in around.workers if seen.alive]
    if not alive:
        return [*found, Reason("no worker", "no worker is running")]
    idle = [report for report in alive if report.state == "running" and report.why is None]
    if not idle:
        why = "; ".join(f"{report.worker}: {report.why or report.state}" for report in alive)
        found.append(Reason("workers wait", f"no worker takes jobs now: {why}"))
    elif all(report.busy == len(report.slots) for report in idle):
        slots = sum(len(report.slots) for report in idle)
        found.append(Reason("busy", f"every slot is taken: {slots} of {slots}"))
    return found


def _amiss(row: "JobRow", around: Surroundings) -> list[Reason]:
    found = []
    if not around.held:
        dead = "dead" if row.lease_until_ms is None else "dead, or was suspended for longer than its lease lasts"
        found.append(Reason("worker lost", f"it is an orphan: its worker is {dead}; the next worker recovers it"))
    elif around.suspended and row.owner is not None:
        text = f"its worker, pid {row.owner.pid}, is suspended: continue that process, or kill it"
        found.append(Reason("suspended", text))
    if row.cancel_requested:
        found.append(Reason("cancel requested", "it was asked to stop"))
    return found
