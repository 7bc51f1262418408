"""Claim of a job by this process: the operations of its worker, and the ways in which it ends."""

import contextlib
import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from themis.core.errors import ClaimLostError, StoreError
from themis.core.files import durable
from themis.core.queue.folder import journal, uncharged_ends
from themis.core.queue.folder.cases_in_flight import NotesFolder
from themis.core.queue.folder.lease import Lease
from themis.core.queue.folder.lease_end import now_s
from themis.core.queue.folder.locks import KeyLock
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout, states
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import ENDED, POLICIES, AttemptOutcome, Cause
from themis.core.queue.transitions import moves, running_job
from themis.core.queue.transitions.moves import Move, Moved
from themis.core.queue.transitions.unanswered import UnansweredEnds
from themis.core.stores.job_rows import Fence, JobRow
from themis.core.stores.job_store import JobStore

logger = logging.getLogger("themis.queue")

_NS = 1_000_000_000

AnyClaim_co = TypeVar("AnyClaim_co", covariant=True)


@dataclass(eq=False, slots=True)
class Claim:
    """Job that this process runs now, until it is settled, given back or lost, or the process dies.

    Attributes:
        root: the queue's folder.
        manifest: manifest of the job.
        row: the job's row after the claim.
        store: store of the row.
        path: path of the job's file while it is claimed; a different one once it is excused.
        lock: proof that this worker is alive.
        lease: proof of that for other hosts, while it is renewed; None where locks reach all hosts.
        unanswered: ends that the store was asked to write, without an answer.
        ended_ns: time at which the attempt was first to be settled, which is when it ended; None before.
    """

    root: QueueRoot
    manifest: Manifest
    row: JobRow
    store: JobStore
    path: str
    lock: KeyLock
    lease: Lease | None = None
    unanswered: UnansweredEnds = field(default_factory=UnansweredEnds)
    ended_ns: int | None = None

    @property
    def key(self) -> str:
        """Name of the job in the queue."""
        return self.row.key

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1."""
        return self.row.attempt

    @property
    def version(self) -> int:
        """Version that the row has while the claim is valid."""
        return self.row.version

    @property
    def fence(self) -> Fence:
        """Version and token that every write of this attempt demands."""
        return self.row.fence

    @property
    def notes_path(self) -> Path | None:
        """Path of the notes of the job's cases in flight; None when its folder cannot be made."""
        return self._notes.path(self.key)

    @property
    def worker(self) -> str | None:
        """Name of the worker that has the claim."""
        return None if self.row.owner is None else self.row.owner.worker

    @property
    def is_held(self) -> bool:
        """Whether this process has not settled, abandoned or lost it."""
        return self.lock.is_held

    # --- while it runs

    def renew(self) -> None:
        """Renew the lease, which is due when `lease.is_due`; does nothing without leases.

        Raises:
            ClaimLostError: the job is no longer this worker's: stop the run, then `lose` the claim.
            StoreError: the store cannot be written; the lease is valid until it `is_over`.
        """
        if self.lease is None:
            return
        if not self.lock.is_held:
            raise ClaimLostError(key=self.key, version=self.version)
        asked_s = now_s()
        if self.key not in self.store.beat([self.fence], self.lease.milliseconds):
            raise ClaimLostError(key=self.key, version=self.version)
        self.lease.renewed(asked_s)

    def is_cancel_requested(self) -> bool:
        """Whether the job's cancellation was requested; costs one stat without a request, or one query."""
        # This host's cache of a shared folder may hide for long what another host has written; the row is never hidden.
        if not self.root.shared and not os.path.lexists(_cancel_flag(self.root, self.key)):
            return False
        row = self.store.load(self.key)
        return row is not None and row.fence == self.fence and row.cancel_requested

    def note_process(self, pid: int) -> None:
        """Record the process group, led by `pid`, that runs the job: it is killed if this worker is lost.

        Raises:
            ClaimLostError: the job is no longer this worker's.
        """
        running_job.note_process(self.store, self.row, pid)

    def note_versions(self) -> str | None:
        """Note in the job's journal and log that other versions submitted it; return the text, None if they did not.

        Best effort: no job fails for what cannot be written there.
        """
        log = layout.log_path(self.root.path, self.key, self.attempt)
        text = running_job.other_versions(self.manifest, self.key, log)
        if text is not None:
            self._note("remark", attempt=self.attempt, why=text)
        return text

    # --- its end

    def settle(self, outcome: AttemptOutcome, *, also: Callable[[], object] | None = None) -> JobRow:
        """End the attempt: steps 3 to 5 of the move that the claim began; synced on return.

        Args:
            outcome: outcome of the attempt.
            also: writes the last results, in the same transaction.

        Raises:
            ClaimLostError: the job is no longer this worker's; nothing was written, and the claim is over.
            StoreError: the store cannot be written, or did not answer; the claim is still valid, and can be settled
                again. If the end was written after all, that finds it.
        """
        now_ns = self.ended_ns = self.ended_ns or time.time_ns()
        outcome = self._notes.added(outcome, self.row)
        try:
            moved = self._settle(outcome, also, now_ns)
        except ClaimLostError:
            self.lose()
            raise
        row, problem = moved.row, moved.not_placed
        if outcome.cause is not Cause.DONE:
            self._notes.remove(self.key)
        try:
            if row.state in ENDED and problem is None:
                clear_cancel_flag(self.root, self.key)
        except OSError as error:
            problem = error
        finally:
            self.lock.release()
        if problem is not None:  # the job has ended or is queued according to its row, which is valid
            text = "job %s: its file is left in %s for a worker to move: %s"
            logger.warning(text, self.key, layout.CLAIMED, problem)
        self._note(
            "settle",
            state=row.state,
            attempt=row.attempt,
            version=row.version,
            why=str(outcome.cause) if outcome.cause is Cause.DONE else f"{outcome.cause}: {row.message}",
            exit=outcome.exit_code,
            duration_s=round((now_ns - (self.row.started_ns or now_ns)) / _NS, 3),
        )
        return row

    def give_back(self, why: str = "given back") -> JobRow:
        """Queue the job again, at once and charged to nobody; raises the same errors as `settle`."""
        return self.settle(AttemptOutcome(Cause.GIVEN_BACK, why))

    def excuse(self) -> None:
        """Mark that the attempt has ended and cannot be settled: its recovery charges nobody for it.

        The claim stays valid, and can still be settled. The mark needs no room: it is a rename.
        """
        token = self.row.token
        if token is None or uncharged_ends.is_excused(self.row, os.path.basename(self.path)):  # noqa: PTH119  # a string
            return
        name = layout.claimed_name(self.key, self.attempt, uncharged_ends.marked_token(token))
        marked = f"{self.root.folder(layout.CLAIMED)}/{name}"
        with contextlib.suppress(OSError):  # if even the rename fails, it looks like the worker's death
            durable.rename(self.path, marked)
            self.path = marked

    def abandon(self) -> None:
        """Release the claim without a record, as if this process had died; charged to the job unless it is excused."""
        self.lock.release()

    def lose(self) -> None:
        """Release a claim that is no longer this worker's, once, and note it in the journal and the log."""
        if not self.lock.is_held:
            return
        self.lock.release()
        why = running_job.how_lost(self.store, self.row)
        self._note("fenced", attempt=self.attempt, version=self.version, why=why)

    # --- inside

    @property
    def _notes(self) -> NotesFolder:
        return self.root.notes

    def _settle(self, outcome: AttemptOutcome, also: Callable[[], object] | None, now_ns: int) -> Moved:
        if not self.lock.is_held:  # already released, or this is a forked copy of its process
            raise ClaimLostError(key=self.key, version=self.version)
        jitter = random.random()  # noqa: S311  # spreads the next attempts
        move = Move(
            decide=lambda read: states.settled(read, outcome, now_ns, jitter),
            claimed_path=self.path,
            also=also,
            # An outcome that ends the job does so with or without a request to cancel.
            heeds_requests=not POLICIES[outcome.cause].ends,
            may_stay=True,
        )
        try:
            moved = moves.make(self.root, self.store, self.row, move, now_ns)
        except StoreError:
            self.unanswered.note(states.settled(self.row, outcome, now_ns, jitter))
            raise
        if moved is None:
            moved = self.unanswered.written(self.root, self.store, self.path, now_ns)
        if moved is None:
            raise ClaimLostError(key=self.key, version=self.version)
        return moved

    def _note(self, move: str, **facts: object) -> None:
        journal.note(self.root.folder(layout.JOURNAL), self.key, move, worker=self.worker, **facts)


@dataclass(frozen=True, slots=True)
class ClaimResult(Generic[AnyClaim_co]):
    """Result of one attempt to claim a job.

    Attributes:
        claim: the claimed job; None when there is none that this worker may have now.
        skipped: files whose jobs are left to other workers, by name, with the reason; includes those of earlier claims.
        newly_skipped: those of them that this claim examined.
        unusable: files that no worker can take now, by name, with the reason: an unusable store or an unreadable file.
        is_busy: whether a job was left because another process had it locked, usually the one that is submitting it.
        recovered: jobs of dead workers that were recovered on the way, in their new state.
    """

    claim: AnyClaim_co | None = None
    skipped: Mapping[str, str] = field(default_factory=dict, repr=False)
    newly_skipped: Mapping[str, str] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    is_busy: bool = False
    recovered: tuple[JobRow, ...] = ()

    @property
    def left(self) -> dict[str, str]:
        """All files that were left in place, by name, with the reason."""
        return {**self.skipped, **self.unusable}

    @property
    def newly_left(self) -> dict[str, str]:
        """Files of `left` that this claim examined."""
        return {**self.newly_skipped, **self.unusable}


def clear_cancel_flag(root: QueueRoot, key: str) -> None:
    """Remove the file that would wake an owner who no longer exists."""
    flag = _cancel_flag(root, key)
    if os.path.lexists(flag):
        durable.unlink(flag)


def _cancel_flag(root: QueueRoot, key: str) -> str:
    return f"{root.folder(layout.CANCEL)}/{key}"
