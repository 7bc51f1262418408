"""Moves of dependents in a queue's folder: each by the one move, under its own lock."""

import contextlib
import heapq
import time
from collections.abc import Callable, Mapping, Sequence

from themis.core.errors import ManifestError, UnavailableError
from themis.core.queue.folder import journal, listing, locks
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.predecessors import HELD_STAMP
from themis.core.queue.model.store_address import StoreAddress
from themis.core.queue.transitions import dependents, moves
from themis.core.queue.transitions.dependents import HeldJobs, Looked, Resolution
from themis.core.queue.transitions.moves import Move
from themis.core.stores.job_rows import JobRow
from themis.core.stores.job_store import JobStore

Allow = Callable[[Manifest], str | None]
"""Returns the reason why a worker may not run a job; None when it may."""

_STORES_KNOWN_S = 5.0

Files = Mapping[str, Sequence[str]]


class DependentMover:
    """Moves the dependents of a queue for which something is to be done."""

    def __init__(self, root: QueueRoot, registry: StoreRegistry) -> None:
        """Make a mover for the queue `root`."""
        self._root = root
        self._registry = registry
        self._files: Files | None = None
        self._addresses: list[StoreAddress] = []
        self._addresses_old_at = 0.0

    def look(self) -> Looked:
        """Move the dependents of each store, as many at once as `dependents.look` does."""
        found = []
        for address in self._known():
            # The other jobs of a store that cannot be used cannot be claimed either, and who tries that says why.
            with contextlib.suppress(UnavailableError):
                found.append(dependents.look(self._registry.get(address), self._root.queue_id, self._make))
        self._files = None
        return Looked(sum(one.moved for one in found), has_more=any(one.has_more for one in found))

    def _known(self) -> list[StoreAddress]:
        """Return the stores of the queue, as of a few seconds ago: every look takes them."""
        if time.monotonic() >= self._addresses_old_at:
            self._addresses = self._registry.addresses()
            self._addresses_old_at = time.monotonic() + (_STORES_KNOWN_S if self._addresses else 0.0)
        return self._addresses

    def _make(self, store: JobStore, row: JobRow) -> bool:
        lock = locks.acquire(self._root.locks_folder, row.key)
        if lock is None:
            return False
        try:
            read = store.load(row.key)
            return read is not None and self._moved(store, read)
        finally:
            lock.release()

    def _moved(self, store: JobStore, row: JobRow) -> bool:
        now_ns = time.time_ns()
        sources = self._sources(row, now_ns)
        if not sources:  # its submitter has not written it yet; a file that was lost is for the doctor
            return False
        found = Resolution(store, now_ns)
        found.decide(row)
        # A release need not be synced: if lost with the power, the file of a job that waits is in `queued/`, where it
        # is found and put back. It is then released again, as the link that led to it is there again too.
        is_release = found.name == "release"
        found.only = "release" if is_release else None
        move = Move(found.decide, sources, also=found.write_links, synced=not is_release)
        moved = moves.make(self._root, store, row, move, now_ns)
        if moved is None:
            return False
        after = moved.row
        journal.note(
            self._root.folder(layout.JOURNAL),
            row.key,
            found.name,
            state=after.state,
            attempt=after.attempt,
            version=after.version,
            why=after.message if found.name == "cancel" else None,
        )
        return True

    def _sources(self, row: JobRow, now_ns: int) -> list[str]:
        """Return the paths of a job's file: where its row says, else wherever it is."""
        belongs = moves.path_of(self._root, row, now_ns)
        if moves.exists(belongs):
            return [belongs]
        if self._files is None:
            self._files = moves.list_files(self._root)
        return [path for path in self._files.get(row.key, ()) if moves.exists(path)]


def may_be_released_soon(root: QueueRoot, registry: StoreRegistry, allow: Allow | None) -> bool:
    """Whether a job that `allow` allows waits for one that is running, see `dependents.may_be_released_soon`."""

    def takes(store: JobStore, row: JobRow) -> bool:
        if allow is None:
            return True
        try:
            return allow(manifest_file.decode((store.manifest(row.key) or "").encode(), row.key, key=row.key)) is None
        except ManifestError:
            return False

    return any(
        dependents.may_be_released_soon(store, root.queue_id, lambda row: takes(store, row))  # noqa: B023
        for _, store in registry.usable()
    )


def held(root: QueueRoot, registry: StoreRegistry, limit: int) -> HeldJobs:
    """Return how many jobs of a queue wait for others, and the first of them, by the names of their files."""
    names = [name for name in listing.names_in(root.folder(layout.WAITING)) if name.startswith(HELD_STAMP)]
    entries = (layout.parse(layout.WAITING, name) for name in heapq.nsmallest(limit, names))
    found = (registry.find_exactly(entry.key) for entry in entries if entry is not None)
    return HeldJobs(len(names), [pair[1] for pair in found if pair is not None])
