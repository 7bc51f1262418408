"""Jobs of queues in memory, beside the runs that they do."""

import bisect
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from themis.core.errors import ClaimLostError
from themis.core.stores.job_rows import AttemptRow, Change, Fence, JobRow
from themis.core.stores.job_store import JobStore
from themis.core.stores.memory.undo import Undo

_UNFINISHED = frozenset({"queued", "running"})


class InMemoryJobStore(JobStore):
    """Keeps jobs for as long as the object lives.

    Args:
        undo: the transactions of the store that they are a part of.
        move_run: has one of its runs read its datasets from other places, see `JobStore.move_run`.
    """

    def __init__(self, undo: Undo, move_run: Callable[[str, Callable[[str, str], str]], None]) -> None:
        """No job."""
        self._undo = undo
        self._move_run = move_run
        self._store_id = str(uuid.uuid4())
        self._rows: dict[str, JobRow] = {}
        self._manifests: dict[str, str] = {}
        self._attempts: dict[str, tuple[AttemptRow, ...]] = {}
        self._keys: list[str] = []

    @property
    def store_id(self) -> str:
        """A UUID."""
        return self._store_id

    @property
    def is_in_place(self) -> bool:
        """It cannot be anywhere else."""
        return True

    @property
    def identity(self) -> object:
        """The object."""
        return self._undo

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[None]:  # noqa: ARG002  # nothing is on disk
        """A block whose writes are kept together, or not at all."""
        return self._undo.transaction()

    def add(self, row: JobRow, manifest: str) -> bool:
        """Keep a new job; False, and nothing changed, when its key is there already."""
        with self.transaction():
            if row.key in self._rows:
                return False
            self._put(row)
            self._undo.put(self._manifests, row.key, manifest)
            bisect.insort(self._keys, row.key)
            self._undo.note(lambda: self._keys.remove(row.key))
        return True

    def load(self, key: str) -> JobRow | None:
        """A job, or None."""
        return self._rows.get(key)

    def manifest(self, key: str) -> str | None:
        """The text of a job's manifest, or None."""
        return self._manifests.get(key)

    def find(self, prefix: str, limit: int = 2) -> list[JobRow]:
        """The first jobs whose key begins with `prefix`, in order of their keys."""
        first = bisect.bisect_left(self._keys, prefix)
        return [self._rows[key] for key in self._keys[first : first + limit] if key.startswith(prefix)]

    def jobs_of(self, queue_id: str, *, after: str = "", limit: int = 1000) -> list[JobRow]:
        """The jobs of a queue whose keys come after `after`, in order of their keys."""
        found: list[JobRow] = []
        for key in self._keys[bisect.bisect_right(self._keys, after) :]:
            if len(found) == limit:
                break
            if self._rows[key].queue_id == queue_id:
                found.append(self._rows[key])
        return found

    def counts(self, queue_id: str) -> dict[str, int]:
        """Number of jobs of a queue in each state."""
        return dict(Counter(str(row.state) for row in self._rows.values() if row.queue_id == queue_id))

    def change(
        self,
        key: str,
        version: int,
        decide: Callable[[JobRow], Change | None],
        *,
        synced: bool = True,
        known: JobRow | None = None,
    ) -> Change | None:
        """Write what `decide` makes of a job, if its version is still `version`; None, and nothing written, if not."""
        with self.transaction(synced=synced):
            row = self._rows.get(key)
            if row is None or row.version != version:
                return None
            given = row if known is None else known
            change = decide(given)
            if change is None:
                return None
            # A request to cancel may have come since, and is gone only when the change clears the one that it saw.
            requested = row.cancel_requested and not (given.cancel_requested and not change.row.cancel_requested)
            if change.lease_ms is not None:
                change = replace(change, row=change.row._replace(lease_until_ms=self.clock_ms() + change.lease_ms))
            self._put(change.row._replace(run_id=row.run_id, cancel_requested=requested))
            if change.ended is not None:
                self._end(key, change.ended)
        return change

    def replace_manifest(self, key: str, manifest: str) -> None:
        """Keep another text as a job's manifest; a part of the change that makes it so."""
        if key in self._manifests:
            self._undo.put(self._manifests, key, manifest)

    def move_run(self, run_id: str, new_path: Callable[[str, str], str]) -> None:
        """Have a run, if it is there, read its datasets from where they are now."""
        self._move_run(run_id, new_path)

    def attempts(self, key: str) -> list[AttemptRow]:
        """The attempts of a job that have ended, in order."""
        return sorted(self._attempts.get(key, ()))

    def request_cancel(self, key: str) -> bool:
        """Ask the owner of a job to stop, without changing its version. False when it has ended."""
        with self.transaction():
            row = self._rows.get(key)
            if row is None or row.state not in _UNFINISHED:
                return False
            self._put(row._replace(cancel_requested=True))
        return True

    def note_process(self, key: str, version: int, pid: int, pid_started: int) -> bool:
        """Record the process group that runs a claimed job; False when the claim is no longer the owner's."""
        with self.transaction():
            row = self._of_version(key, version)
            if row is None:
                return False
            if row.owner is not None:
                self._put(row._replace(owner=replace(row.owner, job_pid=pid, job_pid_started=pid_started)))
        return True

    def clock_ms(self) -> int:
        """The time: milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def renew_lease(self, key: str, version: int, lease_ms: int) -> bool:
        """Let a claim's lease begin again, without changing the version; False when the claim is lost."""
        with self.transaction():
            row = self._of_version(key, version)
            if row is not None:
                self._put(row._replace(lease_until_ms=self.clock_ms() + lease_ms))
        return row is not None

    def check_fence(self, fence: Fence) -> None:
        """See that a claim is still its owner's.

        Raises:
            ClaimLostError: the job has changed since; nothing may be written for it.
        """
        if self._of_version(fence.key, fence.version) is None:
            raise ClaimLostError(key=fence.key, version=fence.version)

    def probe(self) -> None:
        """It can always be written."""

    def _of_version(self, key: str, version: int) -> JobRow | None:
        row = self._rows.get(key)
        return row if row is not None and row.version == version else None

    def _put(self, row: JobRow) -> None:
        self._undo.put(self._rows, row.key, row)

    def _end(self, key: str, ended: AttemptRow) -> None:
        self._undo.put(self._attempts, key, (*self._attempts.get(key, ()), ended))
