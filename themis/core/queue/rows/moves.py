"""The one move of a queue of rows: every change of a job's row is made here, and nowhere else in this room.

It is one transaction: the row as `decide` says, which demands the version and the token that were read; the manifest,
where it changes; what belongs to the change; an event of the job's history; and, when the job is queued, the hint that
wakes workers. There is no file, and so nothing that a recovery would have to put in its place.
"""

from collections.abc import Callable
from dataclasses import dataclass

from themis.core.queue.model.states import ENDED, JobState
from themis.core.queue.rows import needs
from themis.core.queue.rows.queue_store import QueueStore
from themis.core.queue.transitions.dependents import is_ended_and_awaited
from themis.core.stores.job_rows import Change, Fence, JobRow
from themis.core.stores.queues.port import JobEvent, LogRow


@dataclass(frozen=True, slots=True)
class Move:
    """Parameters of one move of a job.

    Attributes:
        decide: returns the change of the row; None leaves it. It must not have side effects.
        event: returns the event of the move, given the new row.
        known: the row, if `decide` decides without regard to a request to cancel; else it is read again.
        manifest: new text of the job's manifest; None leaves it.
        also: writes what belongs to the change, in the same transaction.
        log: end of the attempt's output, to be kept.
    """

    decide: Callable[[JobRow], Change | None]
    event: Callable[[JobRow], JobEvent]
    known: JobRow | None = None
    manifest: str | None = None
    also: Callable[[], object] | None = None
    log: LogRow | None = None


def make(store: QueueStore, fence: Fence, move: Move) -> JobRow | None:
    """Make a move; return the new row, or None, and nothing is written, when the job is not as `fence` says."""
    jobs, rows = store.jobs, store.rows
    if move.known is not None and (end := _end_alone(move, move.known)) is not None:
        return end.row if rows.settle(move.known, end, move.event(end.row), move.log) else None
    with jobs.transaction():
        change = jobs.change(fence, move.decide, known=move.known)
        if change is None:
            return None
        if move.manifest is not None:
            jobs.replace_manifest(fence.key, move.manifest)
            rows.set_needs(fence.key, needs.of_text(move.manifest))
        if move.also is not None:
            move.also()
        rows.note(fence.key, move.event(change.row))
        if move.log is not None:
            rows.keep_log(fence.key, move.log)
        if change.row.state == JobState.QUEUED or is_ended_and_awaited(change.row):
            rows.notify(store.queue_id)
    return change.row


def _end_alone(move: Move, known: JobRow) -> Change | None:
    """Return the end of a job if one statement writes all of its move; None for any other move."""
    if move.manifest is not None or move.also is not None:
        return None
    change = move.decide(known)
    return change if change is not None and change.ended is not None and change.row.state in ENDED else None
