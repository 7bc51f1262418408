"""Jobs of queues in memory, beside their runs."""

import bisect
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from themis.core.errors import ClaimLostError
from themis.core.stores.job_rows import AttemptRow, Change, Fence, JobRow
from themis.core.stores.job_store import JobStore
from themis.core.stores.memory.dependents import InMemoryDependents
from themis.core.stores.memory.undo import Undo

_UNFINISHED = frozenset({"queued", "running"})


class InMemoryJobStore(InMemoryDependents, JobStore):
    """Keeps jobs for the lifetime of the object.

    Args:
        undo: the transactions of the store that contains them.
        move_run: updates the locations of a run's datasets, see `JobStore.move_run`.
    """

    def __init__(self, undo: Undo, move_run: Callable[[str, Callable[[str, str], str]], None]) -> None:
        """Make a store without jobs."""
        super().__init__(undo)
        self._move_run = move_run
        self._store_id = str(uuid.uuid4())
        self._manifests: dict[str, str] = {}
        self._attempts: dict[str, tuple[AttemptRow, ...]] = {}
        self._keys: list[str] = []

    @property
    def store_id(self) -> str:
        """UUID of this store."""
        return self._store_id

    @property
    def is_in_place(self) -> bool:
        """Always true: it cannot be replaced."""
        return True

    @property
    def identity(self) -> object:
        """Identity: the object itself."""
        return self._undo

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[None]:  # noqa: ARG002  # nothing is on disk
        """Open a block whose writes are kept together, or not at all."""
        return self._undo.transaction()

    def add(self, row: JobRow, manifest: str) -> bool:
        """Add a new job; False, and nothing changed, when its key exists already."""
        with self.transaction():
            if row.key in self._rows:
                return False
            self._put(row)
            self._undo.put(self._manifests, row.key, manifest)
            bisect.insort(self._keys, row.key)
            self._undo.note(lambda: self._keys.remove(row.key))
        return True

    def load(self, key: str) -> JobRow | None:
        """Return a job; None when it does not exist."""
        return self._rows.get(key)

    def manifest(self, key: str) -> str | None:
        """Return the text of a job's manifest; None when it does not exist."""
        return self._manifests.get(key)

    def find(self, prefix: str, limit: int = 2) -> list[JobRow]:
        """Return the first jobs whose key begins with `prefix`, in order of their keys."""
        first = bisect.bisect_left(self._keys, prefix)
        return [self._rows[key] for key in self._keys[first : first + limit] if key.startswith(prefix)]

    def jobs_of(self, queue_id: str, *, after: str = "", limit: int = 1000) -> list[JobRow]:
        """Return the jobs of a queue whose keys come after `after`, in order of their keys."""
        found: list[JobRow] = []
        for key in self._keys[bisect.bisect_right(self._keys, after) :]:
            if len(found) == limit:
                break
            if self._rows[key].queue_id == queue_id:
                found.append(self._rows[key])
        return found

    def counts(self, queue_id: str) -> dict[str, int]:
        """Count the jobs of a queue in each state."""
        return dict(Counter(str(row.state) for row in self._rows.values() if row.queue_id == queue_id))

    def change(
        self,
        fence: Fence,
        decide: Callable[[JobRow], Change | None],
        *,
        synced: bool = True,
        known: JobRow | None = None,
    ) -> Change | None:
        """Write the change that `decide` returns for a job; None, and nothing written, if it is not as `fence` says."""
        with self.transaction(synced=synced):
            row = self._fenced(fence)
            if row is None:
                return None
            given = row if known is None else known
            change = decide(given)
            if change is None:
                return None
            # A request to cancel may have come since; only a change that clears the request it has seen may remove it.
            requested = row.cancel_requested and not (given.cancel_requested and not change.row.cancel_requested)
            if change.lease_ms is not None:
                change = replace(change, row=change.row._replace(lease_until_ms=self.clock_ms() + change.lease_ms))
            change = replace(change, row=change.row._replace(awaited=row.awaited))
            self._put(change.row._replace(run_id=row.run_id, cancel_requested=requested))
            if change.ended is not None:
                self._end(fence.key, change.ended)
        return change

    def replace_manifest(self, key: str, manifest: str) -> None:
        """Replace the text of a job's manifest, as a part of a change."""
        if key in self._manifests:
            self._undo.put(self._manifests, key, manifest)

    def move_run(self, run_id: str, new_path: Callable[[str, str], str]) -> None:
        """Update the locations from which a run, if it exists, reads its datasets."""
        self._move_run(run_id, new_path)

    def attempts(self, key: str) -> list[AttemptRow]:
        """Return the ended attempts of a job, in order."""
        return sorted(self._attempts.get(key, ()))

    def request_cancel(self, key: str) -> bool:
        """Ask a job's owner to stop, without changing the version. False when it has ended."""
        with self.transaction():
            row = self._rows.get(key)
            if row is None or row.state not in _UNFINISHED:
                return False
            self._put(row._replace(cancel_requested=True))
        return True

    def note_process(self, fence: Fence, pid: int, pid_started: int) -> bool:
        """Record the process group that runs a claimed job; False when the claim is lost."""
        with self.transaction():
            row = self._fenced(fence)
            if row is None:
                return False
            if row.owner is not None:
                self._put(row._replace(owner=replace(row.owner, job_pid=pid, job_pid_started=pid_started)))
        return True

    def clock_ms(self) -> int:
        """Return the time: milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def beat(self, fences: Sequence[Fence], lease_ms: int) -> dict[str, bool]:
        """Renew the leases of claims; return whether they are to be cancelled, by key, without those that are lost."""
        with self.transaction():
            rows = [row for fence in fences if (row := self._fenced(fence)) is not None]
            for row in rows:
                self._put(row._replace(lease_until_ms=self.clock_ms() + lease_ms))
        return {row.key: row.cancel_requested for row in rows}

    def check_fence(self, fence: Fence) -> None:
        """Check that a claim is still valid.

        Raises:
            ClaimLostError: the job has changed since; nothing may be written for it.
        """
        if self._fenced(fence) is None:
            raise ClaimLostError(key=fence.key, version=fence.version)

    def probe(self) -> None:
        """Do nothing: memory can always be written."""

    def _fenced(self, fence: Fence) -> JobRow | None:
        row = self._rows.get(fence.key)
        return row if row is not None and row.fence == fence else None

    def _end(self, key: str, ended: AttemptRow) -> None:
        self._undo.put(self._attempts, key, (*self._attempts.get(key, ()), ended))
