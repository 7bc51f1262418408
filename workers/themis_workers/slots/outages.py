"""Whose outage it was, decided by who can write: a pure function of what a job's process said and its worker tried.

A disk that is full or broken is so for both, and charged to nobody. Where the worker itself can write to the queue and
to the store, the process that could not is the reason, or the code that ran in it, and the next attempt would end in
the same way. Only what is scarce may have come back in the meantime: that counts when it happens twice in a row.
"""

from collections.abc import Callable

from themis.core.queue import AttemptOutcome, Cause
from themis.core.queue.model.outages import Lack


def judged(outcome: AttemptOutcome, cause_before: str | None, can_write: Callable[[], bool]) -> AttemptOutcome:
    """The outcome that an attempt is settled with.

    Args:
        outcome: what its process reported.
        cause_before: how the attempt before it ended; None for the first.
        can_write: tries whether this worker can write what the job could not; asked only if it matters.
    """
    if outcome.cause is not Cause.OUTAGE or outcome.lack in {None, Lack.BUSY}:
        return outcome
    if outcome.lack is Lack.SCARCE and cause_before != Cause.OUTAGE:
        return outcome
    if not can_write():
        return outcome
    why = f"{outcome.message}; its worker can write there: the cause lies in the experiment's own process"
    return AttemptOutcome(Cause.EXCEPTION, why, exit_code=outcome.exit_code)
