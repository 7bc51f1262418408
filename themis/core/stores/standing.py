"""Standing of a run: one rule for its status, for every display.

Three facts are kept of a run: its own row, the row of its job in a queue, and the lock that a process holds while it
runs the run. Each may be older than the others: a killed process leaves a row that says `running`, a job that failed
without a record a run that was never ended, and a job that waits for its next attempt a run that failed.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from themis.core.stores.job_rows import JobRow
from themis.core.stores.run_locks import RunHolder
from themis.core.values.run_ends import reason_of

_INTERRUPTED = "interrupted:"
_NS_A_MS = 1_000_000
_FINAL_STAGES = frozenset({None, "score", "judge"})
_UNFINISHED = frozenset({"queued", "running"})
_CAME_TO_NOTHING = frozenset({"failed", "cancelled"})


class RunFacts(Protocol):
    """Row of a run; times are milliseconds since 1970 UTC."""

    @property
    def status(self) -> str:
        """Status, a `RunStatus`."""

    @property
    def completed_through(self) -> str | None:
        """Last stage that it has completed."""

    @property
    def error(self) -> str | None:
        """Reason why it failed as a whole."""

    @property
    def started_ms(self) -> int | None:
        """Time of its last start."""

    @property
    def ended_ms(self) -> int | None:
        """Time of its end."""


class Standing(NamedTuple):
    """Standing of a run.

    Attributes:
        state: a `RunStatus`, or `queued` or `waiting` for a run that its job will continue.
        error: reason why it failed or does not continue; None when there is none or it is unknown.
    """

    state: str
    error: str | None = None

    @property
    def reason(self) -> str | None:
        """Reason why it failed, or was cancelled without being asked to, if it was."""
        return self.error if self.state == "failed" or reason_of(*self) else None

    @property
    def is_interrupted(self) -> bool:
        """Whether its process is gone, and only a command of a user continues it."""
        return self.error is not None and self.error.startswith(_INTERRUPTED)

    @property
    def status(self) -> str:
        """State as a `RunStatus`."""
        return "pending" if self.state in {"queued", "waiting"} else self.state


def standing(run: RunFacts, job: JobRow | None, look: Callable[[], RunHolder]) -> Standing:
    """Return the standing of a run, by its row, its job's row and its lock.

    Args:
        run: the run.
        job: its job; None for a run that is in no queue.
        look: reads the run's lock; it is called only when the result depends on the lock.
    """
    if run.status == "completed" and run.completed_through in _FINAL_STAGES:
        return Standing(run.status)
    holder = look() if run.status == "running" else None
    if holder is not None and holder.held:
        return Standing("running")
    if job is not None and (job.state in _UNFINISHED or (job.state in _CAME_TO_NOTHING and _is_later(job, run))):
        is_waiting = job.state == "queued" and job.ready_ns is not None and job.ready_ns > time.time_ns()
        return Standing("waiting" if is_waiting else job.state, run.error or _said(job))
    return Standing(run.status, run.error) if holder is None else Standing("failed", _interrupted(holder))


def _is_later(job: JobRow, run: RunFacts) -> bool:
    """Whether a job ended after the run's last recorded time."""
    last_ms = run.started_ms if run.ended_ms is None else run.ended_ms
    return last_ms is None or job.ended_ns is None or job.ended_ns >= last_ms * _NS_A_MS


def _said(job: JobRow) -> str | None:
    return job.message or None if job.state != "running" else None


def _interrupted(holder: RunHolder) -> str:
    process = "its process" if holder.pid is None else str(holder)
    return f"{_INTERRUPTED} {process} ended before the run had; the same command continues it"
