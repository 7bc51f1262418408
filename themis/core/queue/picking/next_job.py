"""Next job: try names in order; on the way, quarantine bad files and recover what is out of place."""

import os
import time
from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

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

PUT_OFF = 64
"""Number of jobs that are put off at one claim, since their providers are full: each manifest is read for that."""

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Torn:
    """File of incomplete JSON, as it was when it was first seen."""

    size: int
    modified_ns: int
    changed_ns: int
    seen_s: float


@dataclass(slots=True)
class _Search:
    """Search of one claim.

    Attributes:
        owner: for whom.
        allow: returns the reason why a job may not be claimed.
        full_providers: those whose jobs are put off.
        put_off: the jobs that were, all of one priority.
        young: files that may still be being copied.
        failing: paths of stores that cannot be used.
    """

    owner: Owner
    allow: Allow | None
    full_providers: AbstractSet[str]
    put_off: list[Entry] = field(default_factory=list)
    young: list[Entry] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    def is_over_for(self, priority: int | None) -> bool:
        """Whether the jobs that were put off are tried before one of a priority."""
        return bool(self.put_off) and (len(self.put_off) >= PUT_OFF or priority != self.put_off[0].priority)


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

    def find(
        self,
        owner: Owner,
        allow: Allow | None,
        full_providers: AbstractSet[str] = frozenset(),
        *,
        patient: bool = True,
    ) -> ClaimResult[Claim]:
        """Claim the next job; return it with what was skipped, left and recovered on the way."""
        self.unusable, self._newly_skipped = {}, {}
        self._is_busy = False
        claim = self._find(_Search(owner, allow, full_providers), patient=patient)
        # If an error ends a claim early, the next claim reports what it recovered.
        recovered, self._recovered = tuple(self._recovered), []
        return ClaimResult(
            claim, self.skipped.reasons, self._newly_skipped, dict(self.unusable), self._is_busy, recovered
        )

    def _find(self, search: "_Search", *, patient: bool) -> Claim | None:
        if self.skipped.begin(search.allow):
            self.listing.wake()
        tried: set[str] = set()
        fresh = self.listing.is_old()
        if fresh:
            self._refill(search.owner, tried)
        while (entry := self.listing.next()) or not fresh:
            if entry is None:
                self._refill(search.owner, tried)
                fresh = True
                continue
            fresh = False
            tried.add(entry.name)
            claim = self._try_put_off(search, entry) if search.is_over_for(entry.priority) else None
            if claim is None and (claim := self._try(entry, search)):
                self.listing.put_back(search.put_off)
            if claim is not None:
                return claim
        return self._try_put_off(search) or (self._try_young(search) if patient else None)

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

    def _try(self, entry: Entry, search: "_Search") -> Claim | None:
        try:
            if not entry.key:
                self._reject_nameless(entry, search.owner)
                return None
            return self._try_named(entry, search)
        except NewerManifestError as error:
            self._skip(entry, str(error))
        except QueueBusyError:
            self._is_busy = True
        except TornManifestError as error:
            if not self._torn_seen(entry, error, search.owner):
                search.young.append(entry)
        except (StoreError, NetworkFilesystemError) as error:
            self.unusable[entry.name] = str(error)
        except QueueError:
            raise  # the queue's folder cannot be used: there is no next job
        except Exception as error:  # noqa: BLE001  # for one file: no file may keep a worker from the others
            self._set_aside(entry, error, search.owner)
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

    def _try_named(self, entry: Entry, search: "_Search") -> Claim | None:
        manifest = self._claimer.read(entry, search.owner)
        if manifest is None or manifest.store.path in search.failing:
            return None
        try:
            reason = None if search.allow is None else search.allow(manifest)
            if reason is None and search.full_providers.isdisjoint(manifest.providers):
                return self._claimer.claim_entry(entry, manifest, search.owner)
        except (StoreError, NetworkFilesystemError):
            search.failing.add(manifest.store.path)  # its other jobs are not tried: each may wait for the store
            raise
        if reason is None:
            search.put_off.append(entry)
        else:
            self._skip(entry, reason)
        return None

    def _skip(self, entry: Entry, reason: str) -> None:
        self.skipped.note(entry.name, reason)
        self._newly_skipped[entry.name] = reason

    def _try_put_off(self, search: "_Search", *following: Entry) -> Claim | None:
        """Try the jobs that were put off, and put off no more: a job of a full provider has its part of it.

        When one is claimed, the rest are put back, before the `following`.
        """
        put_off, search.put_off, search.full_providers = deque(search.put_off), [], frozenset()
        while put_off:
            if claim := self._try(put_off.popleft(), search):
                self.listing.put_back([*put_off, *following])
                return claim
        return None

    def _try_young(self, search: "_Search") -> Claim | None:
        """Try files that may still be being copied once more after a pause, as there is no other job."""
        young, search.young = search.young, []
        if young:
            time.sleep(self._copy_grace_s)
        for entry in young:
            self.unusable.pop(entry.name, None)
            claim = self._try(entry, search)
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
