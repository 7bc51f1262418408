"""Workers of a queue of rows: their reports, whether they live, and requests to stop, as rows."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from themis.core.errors import StoreError, WorkerNameError
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.worker_liveness import FORGOTTEN_S, SILENT_S
from themis.core.queue.folder.worker_registry import SeenWorker, check_name
from themis.core.queue.rows.queue_store import QueueStore
from themis.core.queue.rows.reports import report_of
from themis.core.queue.rows.this_host import ThisHost
from themis.core.stores.job_rows import Owner
from themis.core.stores.queues.port import QueueRows, WorkerRow

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import WorkerReport

_MS = 1_000


class RowWorkers:
    """Workers of a queue of rows. One lives while it is heard of, by the store's clock; on its own host by its lock."""

    def __init__(self, there: QueueStore) -> None:
        """Find the workers of a queue."""
        self._there = there

    def seen(self) -> list[SeenWorker]:
        """Return every registered worker, by name, also dead ones."""
        return seen_in(self._there.rows, self._there.queue_id, self._there.here)

    def request_stop(self, names: Sequence[str]) -> None:
        """Ask workers to take no more jobs and to end after the jobs that they run."""
        self._there.rows.request_stop(self._there.queue_id, names)

    def forget_dead(self) -> None:
        """Remove dead workers: of this host at once, of other hosts after a long silence."""
        here = this_process().host
        rows = self._there.rows.workers(self._there.queue_id)
        gone = [
            row.worker
            for row in rows
            if self._is_dead(row) and (row.owner.host == here or row.silent_ms > FORGOTTEN_S * _MS)
        ]
        if gone:
            self._there.rows.unregister(self._there.queue_id, gone)

    def register(self, owner: Owner) -> "RowRegistration":
        """Register a worker.

        Raises:
            WorkerNameError: the name is invalid, or a live worker has it.
        """
        check_name(owner.worker)
        self._there.here.keep_lock(owner)
        if not self._there.rows.register(self._there.queue_id, owner, self._is_dead):
            mend = f"choose another --name, or stop it first: themis worker stop {owner.worker}"
            detail = f"a worker of that name already runs on this queue; {mend}"
            raise WorkerNameError(name=owner.worker, detail=detail)
        return RowRegistration(self._there, owner)

    def _is_dead(self, row: WorkerRow) -> bool:
        return _is_dead(row, self._there.here)


def seen_in(rows: QueueRows, queue_id: str, here: ThisHost) -> list[SeenWorker]:
    """Return every registered worker of a queue, by name, also dead ones."""
    found = ((row, report_of(row)) for row in rows.workers(queue_id))
    return [SeenWorker(report, not _is_dead(row, here)) for row, report in found if report is not None]


def _is_dead(row: WorkerRow, here: ThisHost) -> bool:
    return row.silent_ms > SILENT_S * _MS or here.is_dead(row.owner, None)


class RowRegistration:
    """Registration of this process as a worker of a queue of rows."""

    def __init__(self, there: QueueStore, owner: Owner) -> None:
        """Keep the registration of `owner`."""
        self._there = there
        self._owner = owner
        self._stop_requested = False

    def write(self, report: "WorkerReport") -> None:
        """Publish the worker's report, and hear whether it is to stop; best effort."""
        text = json.dumps(asdict(report), separators=(",", ":"))
        try:
            self._stop_requested |= self._there.rows.heartbeat(self._there.queue_id, self._owner, text)
        except StoreError:
            return  # the worker finds out by itself that its store is away

    @property
    def stop_requested(self) -> bool:
        """Whether this worker was asked to stop, as of its last heartbeat."""
        return self._stop_requested

    def close(self) -> None:
        """Unregister the worker; best effort."""
        try:
            self._there.rows.unregister(self._there.queue_id, [self._owner.worker])
        except StoreError:
            return

    def __enter__(self) -> Self:
        """Return the registration, which is already complete."""
        return self

    def __exit__(self, *_: object) -> None:
        """Unregister."""
        self.close()
