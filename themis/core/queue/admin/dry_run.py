"""Dry run of a recovery: report what would be recovered, and change nothing."""

import time

from themis.core.errors import ManifestError, UnavailableError
from themis.core.queue.folder import locks
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, manifest_file, states
from themis.core.queue.model.states import JobState
from themis.core.queue.transitions import claim_liveness
from themis.core.stores.job_rows import JobRow, Owner
from themis.core.stores.job_store import JobStore


class DryRun:
    """Replacement of a `NextJob` for a dry run: report what a recovery would do with a file."""

    def __init__(self, root: QueueRoot, registry: StoreRegistry) -> None:
        """Make a dry run for the queue `root`."""
        self.unusable: dict[str, str] = {}
        self._root = root
        self._registry = registry

    def recover_file(self, folder: str, name: str, owner: Owner) -> JobRow | None:
        """Return a file's job as it would be; None when a living worker has it, or the file is gone or bad."""
        entry = layout.parse(folder, name)
        if entry is None:
            self.unusable[name] = "its name is not that of a job's file; a worker will move it to rejected/"
            return None
        if locks.is_locked(self._root.locks_folder, entry.key):
            return None
        found = self._found(folder, name, entry.key)
        if found is None:
            return None
        store, row = found
        # Without a lease it may be in the middle of a move on another host, which only time can tell.
        moving = self._root.shared and folder == layout.CLAIMED and row.state != JobState.RUNNING
        if moving or claim_liveness.has_lease_elsewhere(store, row, owner):
            return None
        return states.recovered(row, time.time_ns()).row

    def _found(self, folder: str, name: str, key: str) -> tuple[JobStore, JobRow] | None:
        """Return the store and row of a file's job; None when there is none; `unusable` notes an unreadable file."""
        try:
            manifest = manifest_file.read(f"{self._root.path}/{folder}/{name}", key=key)
            store = self._registry.get(manifest.store)
            row = store.load(key)
        except FileNotFoundError:
            return None
        except (ManifestError, UnavailableError, OSError) as error:
            self.unusable[name] = str(error)
            return None
        if row is None or row.queue_id != self._root.queue_id:
            self.unusable[name] = "its store has no such job of this queue; it will be moved to rejected/"
            return None
        return store, row
