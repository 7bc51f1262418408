"""Why a job is not running, and why a queue stands still, from values alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from themis.core.values.durations import how_long, when

if TYPE_CHECKING:  # who only says why a queue is paused needs none of them
    from themis.core.queue.folder.pausing import Pause
    from themis.core.queue.folder.worker_registry import SeenWorker
    from themis.core.stores.job_rows import JobRow

_NS = 1e9


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why a job is not being run, or not as it should be.

    Attributes:
        word: for programs.
        text: for people.
    """

    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is true around a job.

    Attributes:
        now_ns: the time.
        pause: of the queue.
        held: whether somebody holds the job's lock.
        before: how many jobs are to be taken before it.
        tags: what a worker must have to take it.
        workers: those that have registered, dead ones too.
        store_error: why its store cannot be opened.
        suspended: whether the process of its worker is stopped.
    """

    now_ns: int
    pause: "Pause | None" = None
    held: bool = False
    before: int = 0
    tags: Sequence[str] = ()
    workers: "Sequence[SeenWorker]" = field(default_factory=tuple)
    store_error: str | None = None
    suspended: bool = False


def reasons(row: "JobRow", around: Surroundings) -> list[Reason]:
    """Why a queued job does not run yet, and what is amiss with a running one; none when it has ended.

    What keeps every worker from it comes first, and alone; only without that its place in the order counts.
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
    """Who paused a queue, when and why."""
    if pause.by is None:
        return "the queue is paused"
    why = f": {pause.reason}" if pause.reason else ""
    return f"the queue is paused, by {pause.by} at {when(pause.at_ns)}{why}"


def _keeping_everybody(row: "JobRow", around: Surroundings) -> list[Reason]:
    found = []
    if around.pause is not None:
        found.append(Reason("paused", pause_text(around.pause)))
    if row.cancel_requested:
        found.append(Reason("cancel requested", "it is to be cancelled"))
    wait_s = ((row.ready_ns or 0) - around.now_ns) / _NS
    if wait_s > 0:
        until = f"it waits until {when(row.ready_ns)}, for {how_long(wait_s)} more"
        if row.failures:
            after = f", after attempt {row.attempt} failed ({row.cause}): {row.failures} of {row.max_attempts} tries"
            found.append(Reason("backoff", f"{until}{after}"))
        else:
            found.append(Reason("not before", until))
    alive = [seen.report for seen in around.workers if seen.alive]
    if around.tags and alive and not any(set(around.tags) <= set(report.tags) for report in alive):
        found.append(Reason("tags", f"no worker that lives has its tags: {', '.join(around.tags)}"))
    return found


def _keeping_it_back(around: Surroundings) -> list[Reason]:
    if around.held:
        return [Reason("in hand", "somebody is moving it just now")]
    found = []
    if around.before:
        jobs = "1 job is" if around.before == 1 else f"{around.before:,} jobs are"
        found.append(Reason("order", f"{jobs} to be taken before it"))
    else:
        found.append(Reason("next", "it is the next to be taken"))
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
        found.append(Reason("worker lost", f"its worker is {dead}; the next worker gives it back"))
    elif around.suspended and row.owner is not None:
        text = f"its worker, pid {row.owner.pid}, is suspended: it goes on when that is continued or killed"
        found.append(Reason("suspended", text))
    if row.cancel_requested:
        found.append(Reason("cancel requested", "it was asked to stop"))
    return found
