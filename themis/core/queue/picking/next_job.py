"""Next job: try names in order; on the way, quarantine bad files and recover what is out of place."""

import os
import time
from dataclasses import dataclass

from themis.core.errors import (
    ManifestError,
    NetworkFilesystemError,
    NewerManifestError,
    QueueBusyError,
    QueueError,
    StoreError,
    TornManifestError,
)
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, outages
from themis.core.queue.model.layout import Entry
from themis.core.queue.picking.due_jobs import Waits
from themis.core.queue.picking.listing_cache import ListingCache
from themis.core.queue.picking.skipped_jobs import Allow, SkippedJobs
from themis.core.queue.transitions import quarantine
from themis.core.queue.transitions.claiming import Claimer
from themis.core.queue.transitions.claims import Claim, ClaimResult
from themis.core.queue.transitions.dependent_moves import DependentMover
from themis.core.stores.job_rows import JobRow, Owner

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Torn:
    """File of incomplete JSON, as it was when it was first seen."""

    size: int
    modified_ns: int
    changed_ns: int
    seen_s: float


class NextJob:
    """Finder of the next job: tries the names of a queue until one of them is a job to run."""

    def __init__(self, root: QueueRoot, registry: StoreRegistry, *, rescan_s: float, copy_grace_s: float) -> None:
        """Make a finder for the queue `root`; see `FileQueue` for the times."""
        self.skipped = SkippedJobs()
        self.listing = ListingCache(root, self.skipped, rescan_s, Waits(root, registry).due)
        self.unusable: dict[str, str] = {}
        self._newly_skipped: dict[str, str] = {}
        self._is_busy = False
        self._recovered: list[JobRow] = []
        self._root = root
        self._registry = registry
        self._claimer = Claimer(root, registry)
        self._mover = DependentMover(root, registry)
        self._has_dependents = True
        self._copy_grace_s = copy_grace_s
        self._torn: dict[str, _Torn] = {}

    def find(self, owner: Owner, allow: Allow | None, *, patient: bool = True) -> ClaimResult[Claim]:
        """Claim the next job; return it with what was skipped, left and recovered on the way."""
        self.unusable, self._newly_skipped = {}, {}
        self._is_busy = False
        claim = self._find(owner, allow, patient=patient)
        # If an error ends a claim early, the next claim reports what it recovered.
        recovered, self._recovered = tuple(self._recovered), []
        return ClaimResult(
            claim, self.skipped.reasons, self._newly_skipped, dict(self.unusable), self._is_busy, recovered
        )

    def _find(self, owner: Owner, allow: Allow | None, *, patient: bool) -> Claim | None:
        if self.skipped.begin(allow):
            self.listing.wake()
        young: list[Entry] = []
        failing: set[str] = set()

        tried: set[str] = set()
        fresh = self.listing.is_old()
        if fresh:
            self._refill(owner, tried)
        while (entry := self.listing.next()) or not fresh:
            if entry is None:
                self._refill(owner, tried)
                fresh = True
                continue
            fresh = False
            tried.add(entry.name)
            claim = self._try(entry, owner, allow, young, failing)
            if claim is not None:
                return claim
        return self._try_young(young, owner, allow, failing) if patient else None

    def recover(self, owner: Owner) -> list[JobRow]:
        """Recover the jobs in `claimed/` that no living worker has; return them in their new state."""
        names = os.listdir(self._root.folder(layout.CLAIMED))  # noqa: PTH208  # once a rescan
        found = (self.recover_file(layout.CLAIMED, name, owner) for name in sorted(names) if name[0] != ".")
        return [row for row in found if row is not None]

    def recover_file(self, folder: str, name: str, owner: Owner) -> JobRow | None:
        """Move a file to where its row says; None when a living worker has it, or when it is gone or bad."""
        entry = layout.parse(folder, name)
        try:
            if entry is None:
                self._reject_nameless(Entry(folder, name, key=""), owner)
                return None
            return self._claimer.recover_entry(entry, owner)
        except TornManifestError as error:
            self._torn_seen(entry or Entry(folder, name, key=""), error, owner)
        except (QueueError, NewerManifestError) as error:
            self.unusable[name] = str(error)
        except Exception as error:  # noqa: BLE001  # for one file: no file may keep a worker from the others
            self._set_aside(entry or Entry(folder, name, key=""), error, owner)
        return None

    def look_at_dependents(self) -> int:
        """Release, cancel or open again jobs that run after others; return how many were moved."""
        moved, self._has_dependents = self._mover.look()
        return moved

    def _refill(self, owner: Owner, tried: set[str]) -> None:
        self._recovered += self.recover(owner)
        # A listing that ran out is filled again at once; what is due for others was seen with the last one.
        if self._has_dependents or self.listing.is_old():
            self.look_at_dependents()
        self.listing.fill(time.time_ns(), tried)

    def _try(
        self, entry: Entry, owner: Owner, allow: Allow | None, young: list[Entry], failing: set[str]
    ) -> Claim | None:
        try:
            if not entry.key:
                self._reject_nameless(entry, owner)
                return None
            return self._try_named(entry, owner, allow, failing)
        except NewerManifestError as error:
            self._skip(entry, str(error))
        except QueueBusyError:
            self._is_busy = True
        except TornManifestError as error:
            if not self._torn_seen(entry, error, owner):
                young.append(entry)
        except (StoreError, NetworkFilesystemError) as error:
            self.unusable[entry.name] = str(error)
        except QueueError:
            raise  # the queue's folder cannot be used: there is no next job
        except Exception as error:  # noqa: BLE001  # for one file: no file may keep a worker from the others
            self._set_aside(entry, error, owner)
        return None

    def _set_aside(self, entry: Entry, error: Exception, owner: Owner) -> None:
        """Quarantine a file that raised an error, unless the error is one of the machine."""
        if outages.is_of_machine(error):
            self.unusable[entry.name] = str(error)
            return
        try:
            quarantine.quarantine(self._root, self._registry, entry, outages.refusal(entry.name, error), owner)
        except Exception as second:  # noqa: BLE001  # the error may come from the file's row too
            self._skip(entry, f"cannot be processed ({error}), nor quarantined ({second})")

    def _try_named(self, entry: Entry, owner: Owner, allow: Allow | None, failing: set[str]) -> Claim | None:
        manifest = self._claimer.read(entry, owner)
        if manifest is None or manifest.store.path in failing:
            return None
        try:
            reason = None if allow is None else allow(manifest)
            if reason is None:
                return self._claimer.claim_entry(entry, manifest, owner)
        except (StoreError, NetworkFilesystemError):
            failing.add(manifest.store.path)  # its other jobs are not tried: each may wait for the store
            raise
        self._skip(entry, reason)
        return None

    def _skip(self, entry: Entry, reason: str) -> None:
        self.skipped.note(entry.name, reason)
        self._newly_skipped[entry.name] = reason

    def _try_young(self, young: list[Entry], owner: Owner, allow: Allow | None, failing: set[str]) -> Claim | None:
        """Try files that may still be being copied once more after a pause, as there is no other job."""
        if young:
            time.sleep(self._copy_grace_s)
        for entry in young:
            self.unusable.pop(entry.name, None)
            claim = self._try(entry, owner, allow, [], failing)
            if claim is not None:
                self.listing.wake()  # for the rest of them
                return claim
        return None

    def _torn_seen(self, entry: Entry, error: TornManifestError, owner: Owner) -> bool:
        """Quarantine a file of incomplete JSON if it has been unchanged for long enough, and return whether it was."""
        try:
            found = os.lstat(f"{self._root.path}/{entry.folder}/{entry.name}")
        except OSError:
            return True
        now_s = time.monotonic()
        sight = _Torn(found.st_size, found.st_mtime_ns, found.st_ctime_ns, now_s)
        before = self._torn.get(entry.name)
        if before is None or (before.size, before.modified_ns, before.changed_ns) != (
            sight.size,
            sight.modified_ns,
            sight.changed_ns,
        ):
            before = self._torn[entry.name] = sight
        left_alone_s = max(now_s - before.seen_s, (time.time_ns() - found.st_ctime_ns) / _NS)
        if left_alone_s < self._copy_grace_s:
            self.unusable[entry.name] = f"{error}; it may still be being copied"
            return False
        self._torn.pop(entry.name, None)
        quarantine.quarantine(self._root, self._registry, entry, error, owner)
        return True

    def _reject_nameless(self, entry: Entry, owner: Owner) -> None:
        refusal = ManifestError(name=entry.name, reason="bad_name", detail="its name is not that of a job's file")
        quarantine.quarantine(self._root, self._registry, entry, refusal, owner)
