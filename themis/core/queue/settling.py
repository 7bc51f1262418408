"""The end of an attempt: its outcome and its last results in one commit, then the file to where it belongs."""

import contextlib
import logging
import os
import random
import time
from collections.abc import Callable

from themis.core import durable_files
from themis.core.errors import ClaimLostError, StoreError
from themis.core.queue import excuses, journal, layout, moves, states
from themis.core.queue.claims import Claim
from themis.core.queue.moves import Move, Moved
from themis.core.queue.root import QueueRoot
from themis.core.queue.states import ENDED, POLICIES, Cause, Outcome
from themis.core.stores.job_rows import JobRow

logger = logging.getLogger("themis.queue")

_NS = 1_000_000_000


def settle(root: QueueRoot, claim: Claim, outcome: Outcome, also: Callable[[], object] | None) -> JobRow:
    """Steps 3 to 5 of the move that the claim began; see `FileQueue.settle`."""
    now_ns, jitter = time.time_ns(), random.random()  # noqa: S311  # spreads the next tries
    try:
        moved = _move(root, claim, outcome, also, now_ns, jitter)
    except ClaimLostError:
        lose(root, claim)
        raise
    row, problem = moved.row, moved.not_placed
    try:
        if row.state in ENDED and problem is None:
            clear_flag(root, claim.key)
    except OSError as error:
        problem = error
    finally:
        claim.lock.release()
    if problem is not None:  # the job has ended, or is queued, and its row says so: that stands
        logger.warning("job %s: its file is left in %s for a worker to move: %s", claim.key, layout.CLAIMED, problem)
    _note(root, claim, outcome, row, now_ns)
    return row


def excuse(root: QueueRoot, claim: Claim) -> None:
    """Mark the file of a claim whose end cannot be written; see `FileQueue.excuse`."""
    token = claim.row.token
    if token is None or excuses.is_excused(claim.row, os.path.basename(claim.path)):  # noqa: PTH119  # a text
        return
    name = layout.claimed_name(claim.key, claim.attempt, excuses.marked_token(token))
    marked = f"{root.folder(layout.CLAIMED)}/{name}"
    with contextlib.suppress(OSError):  # where not even that can be done, it cannot be told from a worker's death
        durable_files.rename(claim.path, marked)
        claim.path = marked


def lose(root: QueueRoot, claim: Claim) -> None:
    """Let go of a claim that is no longer this worker's, and say so, once; see `FileQueue.lose`."""
    if not claim.lock.is_held:
        return
    claim.lock.release()
    row = None
    with contextlib.suppress(StoreError):
        row = claim.store.load(claim.key)
    now = "cannot be read just now" if row is None else f"is {row.state}, attempt {row.attempt}"
    if row is not None and row.owner is not None:
        now += f" of worker {row.owner.worker} on {row.owner.host}"
    owner = claim.row.owner
    worker = "unknown" if owner is None else owner.worker
    why = f"attempt {claim.attempt} of worker {worker} had lost the job, which {now}; it was stopped and wrote no more"
    journal.note(
        root.folder(layout.JOURNAL),
        claim.key,
        "fenced",
        worker=worker,
        attempt=claim.attempt,
        version=claim.version,
        why=why,
    )
    logger.warning("job %s: %s", claim.key, why)


def clear_flag(root: QueueRoot, key: str) -> None:
    """Remove what would wake an owner that there is no longer."""
    flag = f"{root.folder(layout.CANCEL)}/{key}"
    if os.path.lexists(flag):
        durable_files.unlink(flag)


def _move(
    root: QueueRoot, claim: Claim, outcome: Outcome, also: Callable[[], object] | None, now_ns: int, jitter: float
) -> Moved:
    if not claim.lock.is_held:  # let go already, or this is a forked copy of its process
        raise ClaimLostError(key=claim.key, version=claim.version)
    move = Move(
        decide=lambda read: states.settled(read, outcome, now_ns, jitter),
        hand=claim.path,
        also=also,
        # An outcome that ends the job does so whether or not somebody asked its owner to stop.
        heeds_requests=not POLICIES[outcome.cause].ends,
        may_stay=True,
    )
    moved = moves.make(root, claim.store, claim.row, move, now_ns)
    if moved is None:
        raise ClaimLostError(key=claim.key, version=claim.version)
    return moved


def _note(root: QueueRoot, claim: Claim, outcome: Outcome, row: JobRow, now_ns: int) -> None:
    owner = claim.row.owner
    journal.note(
        root.folder(layout.JOURNAL),
        claim.key,
        "settle",
        worker=owner and owner.worker,
        state=row.state,
        attempt=row.attempt,
        version=row.version,
        why=str(outcome.cause) if outcome.cause is Cause.DONE else f"{outcome.cause}: {row.message}",
        exit=outcome.exit_code,
        duration_s=round((now_ns - (claim.row.started_ns or now_ns)) / _NS, 3),
    )
