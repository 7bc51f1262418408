"""Claim of a job in a queue of rows: the operations of its worker, and the ways in which it ends."""

import contextlib
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

from themis.core.errors import ClaimLostError, StoreError
from themis.core.queue.folder.lease import Lease
from themis.core.queue.folder.lease_end import now_s
from themis.core.queue.model import states
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import POLICIES, AttemptOutcome, Cause
from themis.core.queue.rows import moves
from themis.core.queue.rows.kept_log import kept_log
from themis.core.queue.rows.moves import Move
from themis.core.queue.rows.queue_store import QueueStore, event
from themis.core.queue.transitions import running_job
from themis.core.stores.job_rows import AttemptRow, Change, Fence, JobRow
from themis.core.stores.job_store import JobStore
from themis.core.stores.queues.port import JobEvent

logger = logging.getLogger("themis.queue")

CANCEL_EVERY_S = 1.0
"""Seconds between two questions of a job that runs in its worker whether it is to be cancelled."""

_NS = 1_000_000_000


class RowClaim:
    """Job that this process runs now, until it is settled, given back or lost, or its lease is over.

    Attributes:
        manifest: manifest of the job.
        row: the job's row after the claim.
        lease: proof that this worker lives, while it is renewed.
    """

    def __init__(self, there: QueueStore, manifest: Manifest, row: JobRow, lease: Lease) -> None:
        """Hold the claim that made `row`."""
        self.manifest = manifest
        self.row = row
        self.lease = lease
        self._there = there
        self._is_held = True
        self._ended_ns: int | None = None
        self._asked: dict[AttemptRow, JobRow] = {}
        self._is_cancelled = self._is_excused = False
        self._look_s = 0.0

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
    def store(self) -> JobStore:
        """Store of the row."""
        return self._there.jobs

    @property
    def notes_path(self) -> Path | None:
        """Path of the notes of the job's cases in flight; None when its folder cannot be made."""
        return self._there.here.notes.path(self.key)

    @property
    def is_held(self) -> bool:
        """Whether this process has not settled, abandoned or lost it."""
        return self._is_held

    # --- while it runs

    def renew(self) -> None:
        """Renew the lease, and learn whether the job is to be cancelled.

        Raises:
            ClaimLostError: the job is no longer this worker's: stop the run, then `lose` the claim.
            StoreError: the store cannot be written; the lease is valid until it `is_over`.
        """
        asked_s = now_s()
        found = self.store.beat([self.fence], self.lease.milliseconds) if self._is_held else {}
        if self.key not in found:
            raise ClaimLostError(key=self.key, version=self.version)
        self.lease.renewed(asked_s)
        self._is_cancelled = found[self.key]

    def is_cancel_requested(self) -> bool:
        """Whether the job's cancellation was requested; asks the store once a second at most."""
        if not self._is_cancelled and time.monotonic() >= self._look_s:
            self._look_s = time.monotonic() + CANCEL_EVERY_S
            row = self.store.load(self.key)
            self._is_cancelled = row is not None and row.fence == self.fence and row.cancel_requested
        return self._is_cancelled

    def note_process(self, pid: int) -> None:
        """Record the process group, led by `pid`, that runs the job: this host kills it if the worker is lost.

        Raises:
            ClaimLostError: the job is no longer this worker's.
        """
        running_job.note_process(self.store, self.row, pid)

    def note_versions(self) -> str | None:
        """Note in the job's history and log that other versions submitted it; return the text, None if they did not."""
        text = running_job.other_versions(self.manifest, self.key, self._there.here.log_path(self.key, self.attempt))
        if text is not None:
            self._note("remark", attempt=self.attempt, why=text)
        return text

    # --- its end

    def settle(self, outcome: AttemptOutcome, *, also: Callable[[], object] | None = None) -> JobRow:
        """End the attempt, with its end in the history and the end of its output; synced on return.

        Args:
            outcome: outcome of the attempt.
            also: writes the last results, in the same transaction.

        Raises:
            ClaimLostError: the job is no longer this worker's; nothing was written, and the claim is over.
            StoreError: the store cannot be written, or did not answer; the claim is still valid, and can be settled
                again. If the end was written after all, that finds it.
        """
        if not self._is_held:
            raise ClaimLostError(key=self.key, version=self.version)
        notes = self._there.here.notes
        outcome = notes.added(outcome, self.row)
        now_ns = self._ended_ns = self._ended_ns or self._there.now_ns(fresh=False)
        jitter = random.random()  # noqa: S311  # spreads the next attempts
        asked = states.settled(self.row, outcome, now_ns, jitter)

        def decide(read: JobRow) -> Change:
            return asked if read is self.row else states.settled(read, outcome, now_ns, jitter)

        try:
            row = self._settled(decide, outcome, also) or self._written()
        except StoreError:
            if asked.ended is not None:
                self._asked[asked.ended] = asked.row
            raise
        if row is None:
            self.lose()
            raise ClaimLostError(key=self.key, version=self.version)
        self._is_held = False
        if self._is_excused:
            self._there.here.forget(self.row.token)
        if outcome.cause is not Cause.DONE:
            notes.remove(self.key)
        return row

    def give_back(self, why: str = "given back") -> JobRow:
        """Queue the job again, at once and charged to nobody; raises the same errors as `settle`."""
        return self.settle(AttemptOutcome(Cause.GIVEN_BACK, why))

    def excuse(self) -> None:
        """Mark that the attempt has ended and cannot be settled: its recovery by this host charges nobody for it.

        The claim stays valid, and can still be settled.
        """
        if self.row.token is not None:
            self._is_excused = True
            self._there.here.excuse(self.row.token)

    def abandon(self) -> None:
        """Release the claim without a record, as if this process had died; charged to the job unless it is excused."""
        self._is_held = False
        if self.row.token is not None:
            self._there.here.abandon(self.row.token)

    def lose(self) -> None:
        """Release a claim that is no longer this worker's, once, and note it in the history and the log."""
        if not self._is_held:
            return
        self._is_held = False
        why = running_job.how_lost(self.store, self.row)
        self._note("fenced", attempt=self.attempt, version=self.version, why=why)

    # --- inside

    def _settled(
        self,
        decide: Callable[[JobRow], Change],
        outcome: AttemptOutcome,
        also: Callable[[], object] | None,
    ) -> JobRow | None:
        log = kept_log(self._there.here.log_path(self.key, self.attempt), self.attempt, self._host)
        # An outcome that ends the job does so with or without a request to cancel, which alone may have come since.
        ends = POLICIES[outcome.cause].ends is not None
        move = Move(decide, lambda row: self._event(row, outcome), self.row if ends else None, also=also, log=log)
        return moves.make(self._there, self.fence, move)

    def _written(self) -> JobRow | None:
        """Return the end that an earlier try has written, though the store did not answer it; None if none was.

        Nobody else writes that worker, that time and that outcome under that token.
        """
        for ended in set(self.store.attempts(self.key)) & self._asked.keys() if self._asked else ():
            asked = self._asked[ended]
            row = self.store.load(self.key)
            return asked if row is None or row.fence != asked.fence else row
        return None

    @property
    def _host(self) -> str:
        return "" if self.row.owner is None else self.row.owner.host

    def _event(self, row: JobRow, outcome: AttemptOutcome) -> JobEvent:
        took_s = ((self._ended_ns or 0) - (self.row.started_ns or 0)) / _NS
        why = str(outcome.cause) if outcome.cause is Cause.DONE else f"{outcome.cause}: {row.message}"
        facts = {"exit_code": outcome.exit_code, "duration_s": round(max(took_s, 0.0), 3)}
        return event("settle", row, owner=self.row.owner, why=why, **facts)

    def _note(self, move: str, *, why: str, attempt: int, version: int | None = None) -> None:
        """Add to the job's history; best effort, as it is a part of no change."""
        told = event(move, owner=self.row.owner, why=why)._replace(attempt=attempt, version=version)
        with contextlib.suppress(StoreError):
            self._there.rows.note(self.key, told)
