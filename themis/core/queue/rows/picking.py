"""Next job of a queue of rows, and jobs whose worker is dead."""

import random
import time
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING

from themis.core.errors import ManifestError, NewerManifestError, StoreError
from themis.core.queue.folder import processes
from themis.core.queue.folder.lease import Lease
from themis.core.queue.folder.lease_end import now_s
from themis.core.queue.model import layout, manifest_file, states
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.queue.picking.skipped_jobs import Allow
from themis.core.queue.rows import moves
from themis.core.queue.rows.claims import RowClaim
from themis.core.queue.rows.dependents import DependentRows
from themis.core.queue.rows.moves import Move
from themis.core.queue.rows.queue_store import QueueStore, event
from themis.core.queue.rows.reports import report_of
from themis.core.queue.transitions.claims import ClaimResult
from themis.core.queue.transitions.lost_hosts import is_uncharged_loss
from themis.core.stores.job_rows import Change, JobRow, Owner
from themis.core.stores.queues.port import ClaimedRow, NextClaim

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import WorkerReport

RACES = 16
"""Number of times that a claim looks again after another worker was faster, or a job could not be run."""

RECOVERED_AT_ONCE = 500
"""Number of jobs of dead workers that are recovered in one look."""


class NextRow:
    """Finder of the next job: judges one job of each class, and claims the next one of those that its worker takes."""

    def __init__(self, there: QueueStore, *, rescan_s: float) -> None:
        """Make a finder, which looks for new classes and for dead workers every `rescan_s` seconds, and when woken."""
        self._there = there
        self._rescan_s = rescan_s
        self._allow: Allow | None = None
        self._taken: list[str] = []
        self._providers: dict[str, tuple[str, ...]] = {}
        self._refused: dict[str, tuple[str, str]] = {}
        self._unusable: dict[str, str] = {}
        self._old_at = 0.0
        self._found_none = False
        self._has_dependents = False

    def wake(self) -> None:
        """Look again at the next claim, at the classes too."""
        self._old_at = 0.0

    def find(
        self, owner: Owner, allow: Allow | None, full_providers: AbstractSet[str] = frozenset()
    ) -> ClaimResult[RowClaim]:
        """Claim the next job; return it with what was skipped and recovered on the way.

        Once there was none, the store is asked again when this was woken, or after `rescan_s` seconds.
        """
        recovered: list[JobRow] = []
        newly: dict[str, str] = {}
        is_fresh = allow != self._allow or time.monotonic() >= self._old_at or self._has_dependents
        if is_fresh:
            if self._there.is_paused():
                return ClaimResult()
            recovered = self.recover(owner)
            self.look_at_dependents()
            newly = self._judge(allow)
        elif self._found_none:
            return ClaimResult(skipped=dict(self._refused.values()), unusable=dict(self._unusable))
        claim = self._claim(owner, full_providers)
        if claim is None and not is_fresh:
            newly = self._judge(allow)
            claim = self._claim(owner, full_providers)
        self._found_none = claim is None
        skipped = dict(self._refused.values())
        return ClaimResult(claim, skipped, newly, dict(self._unusable), recovered=tuple(recovered))

    def look_at_dependents(self) -> int:
        """Release, cancel or open again jobs that run after others; return how many were moved."""
        moved, self._has_dependents = DependentRows(self._there).look()
        return moved

    def recover(self, owner: Owner) -> list[JobRow]:
        """Recover the jobs of dead workers; return them in their new state."""
        recovered = (self.recover_row(row, owner) for row in self.lost(owner))
        return [row for row in recovered if row is not None]

    def lost(self, owner: Owner) -> list[JobRow]:
        """Return running jobs whose worker is dead: by their lease, and on this host by what it knows itself."""
        there = self._there
        found = there.rows.lost(there.queue_id, owner.host, RECOVERED_AT_ONCE)
        return [row for row, is_over in found if is_over or (row.owner and there.here.is_dead(row.owner, row.token))]

    def recover_row(self, row: JobRow, owner: Owner) -> JobRow | None:
        """Recover a job of a dead worker; None when it has changed since."""
        there = self._there
        processes.kill_job_of(row.owner)
        is_excused, now_ns = there.here.is_excused(row.token), there.now_ns()
        in_flight = there.here.notes.of_lost(row)
        seen_dead = row.owner is not None and there.here.is_dead(row.owner, row.token)
        host_lost = not seen_dead and is_uncharged_loss(there.jobs, row, self._report)

        def decide(read: JobRow) -> Change | None:
            # A lease other than the one that was seen means that it was renewed since: its owner is alive.
            if read.lease_until_ms != row.lease_until_ms:
                return None
            return states.recovered(read, now_ns, excused=is_excused, in_flight=in_flight, host_lost=host_lost)

        move = Move(decide, lambda after: event("recover", after, owner=owner, why=after.message))
        after = moves.make(there, row.fence, move)
        there.here.forget(row.token)
        if after is not None and in_flight is not None:
            there.here.notes.remove(row.key)
        return after

    def _report(self, worker: str) -> "WorkerReport | None":
        """Return the report of a worker; None when it is not registered."""
        found = (row for row in self._there.rows.workers(self._there.queue_id) if row.worker == worker)
        row = next(found, None)
        return None if row is None else report_of(row)

    def _judge(self, allow: Allow | None) -> dict[str, str]:
        """Decide which classes of jobs this worker takes; return the newly refused ones, by the key of one job."""
        before = self._refused if allow == self._allow else {}
        self._allow, self._taken, self._providers, self._refused, self._unusable = allow, [], {}, {}, {}
        newly: dict[str, str] = {}
        for needs, key, text in self._there.rows.classes(self._there.queue_id):
            if needs in before:
                self._refused[needs] = before[needs]
                continue
            try:
                manifest = self._read(key, text)
                self._providers[needs] = manifest.providers
                why_not = None if allow is None else allow(manifest)
            except NewerManifestError as error:
                why_not = str(error)
            except ManifestError:
                why_not = None  # it is claimed, and ends: nobody can run it
            except StoreError as error:
                self._unusable[key] = str(error)
                continue
            if why_not is None:
                self._taken.append(needs)
            else:
                self._refused[needs] = key, why_not
                newly[key] = why_not
        self._old_at = time.monotonic() + self._rescan_s * random.uniform(0.6, 1.0)  # noqa: S311  # jitter
        return newly

    def _claim(self, owner: Owner, full_providers: AbstractSet[str]) -> RowClaim | None:
        there = self._there
        for _ in range(RACES):
            needs = self._next_class(full_providers)
            if needs is None:
                return None
            token, asked_s, lease_ms = layout.new_token(), now_s(), there.lease_ms
            there.here.keep_lock(owner)
            try:
                found = there.rows.claim_next(NextClaim(there.queue_id, needs, owner, token, lease_ms))
            except StoreError:
                # It may have been written: nobody runs it, and nobody is charged.
                there.here.excuse(token)
                there.here.abandon(token)
                raise
            if found is None and len(self._taken) == 1:
                return None
            if found is not None:
                there.told_time(found.now_ns)
                if claim := self._begun(found, Lease(lease_ms / 1_000, asked_s)):
                    return claim
        return None

    def _next_class(self, full_providers: AbstractSet[str]) -> str | None:
        """Return the class of the next job; that takes a look where this worker takes several classes."""
        if len(self._taken) > 1:
            later = [needs for needs in self._taken if not full_providers.isdisjoint(self._providers.get(needs, ()))]
            return self._there.rows.first_class(self._there.queue_id, self._taken, later)
        return self._taken[0] if self._taken else None

    def _begun(self, found: ClaimedRow, lease: Lease) -> RowClaim | None:
        try:
            manifest = self._read(found.row.key, found.manifest)
        except ManifestError as error:
            self._refuse(found.row, error)
            return None
        return RowClaim(self._there, manifest, found.row, lease)

    def _refuse(self, row: JobRow, error: ManifestError) -> None:
        outcome = AttemptOutcome(Cause.INVALID_MANIFEST, f"invalid manifest: {error}")
        now_ns = self._there.now_ns()
        move = Move(
            lambda read: states.settled(read, outcome, now_ns, 0.0),
            lambda after: event("settle", after, owner=row.owner, why=outcome.message),
        )
        moves.make(self._there, row.fence, move)

    def _read(self, key: str, text: str) -> Manifest:
        """Return a job's manifest, with the store's address as this process knows it."""
        found = manifest_file.decode(text.encode(), key, key=key)
        return replace(found, store=self._there.address)
