"""Attribution of an outage: a pure function of the report of a job's process and a write check of its worker.

A full or broken disk affects both, and is charged to nobody. If the worker itself can write to the queue and to the
store, the cause is the process that could not, or the code that it ran, and the next attempt would fail in the same
way. A scarce resource may have become free in the meantime: it is charged only when it is lacking twice in a row.
"""

from collections.abc import Callable

from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.model.outages import Lack


def judged(outcome: AttemptOutcome, cause_before: str | None, can_write: Callable[[], bool]) -> AttemptOutcome:
    """Decide the outcome to settle an attempt with.

    Args:
        outcome: as its process reported it.
        cause_before: cause with which the previous attempt ended; None for the first attempt.
        can_write: checks whether this worker can write to the queue and the store; called only if it matters.
    """
    if outcome.cause is not Cause.OUTAGE or outcome.lack in {None, Lack.BUSY}:
        return outcome
    if outcome.lack is Lack.SCARCE and cause_before != Cause.OUTAGE:
        return outcome
    if not can_write():
        return outcome
    why = f"{outcome.message}; its worker can write there: the cause is in the experiment's own process"
    return AttemptOutcome(Cause.EXCEPTION, why, exit_code=outcome.exit_code)
