"""A queue of rows in a results store, as those who look on see it; nothing is written."""

import atexit
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from themis.core.errors import StoreError, StoreMissingError
from themis.core.monitor.queue_files import JobFile, Upcoming
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.model import layout
from themis.core.queue.model.layout import Entry
from themis.core.queue.model.predecessors import is_held
from themis.core.queue.model.queue_place import RowsPlace
from themis.core.queue.rows.this_host import ThisHost
from themis.core.queue.rows.workers import seen_in
from themis.core.stores.job_rows import JobRow
from themis.core.stores.queues.port import KeepsQueues, QueueRow, QueueRows
from themis.core.stores.registry import reader_of

_OPENED_AT_ONCE = 8
_PATIENCE_S = 2.0  # those who look on do not wait for long


class QueueInStore:
    """A queue of rows, whose store is opened once for all looks.

    Attributes:
        root: place of the queue.
        rejected: number of files that are no manifests: rows have none.
    """

    def __init__(self, place: RowsPlace) -> None:
        """Look at the queue at a place; nothing is opened yet."""
        self.root = place
        self.rejected = 0
        self._reader = reader_of(place.location, patience_s=_PATIENCE_S)

    @property
    def queue_id(self) -> str | None:
        """Id of the queue; None before its first job."""
        try:
            queue_id = self._reader.store_id
            return queue_id if queue_id and self._rows.queue(queue_id) is not None else None
        except StoreMissingError:
            return None

    @property
    def pause(self) -> Pause | None:
        """Pause of the queue; None while it is not paused."""
        found = self._queue()
        if found is None or found.paused_ns is None:
            return None
        return Pause(found.paused_by, found.paused_ns, found.pause_reason)

    def workers(self) -> list[SeenWorker]:
        """Return every registered worker, by name, also dead ones."""
        queue_id = self.queue_id
        return [] if queue_id is None else seen_in(self._rows, queue_id, ThisHost(queue_id))

    @property
    def counts(self) -> dict[str, int]:
        """The number of jobs in each state."""
        queue_id = self.queue_id
        found = {} if queue_id is None else self._rows.counts(queue_id)
        return {state: found.get(state, 0) for state in layout.SHOWN_STATES}

    def jobs(self, states: Sequence[str], limit: int | None) -> Iterator[JobFile]:
        """Yield the first `limit` jobs (None: all) of some states, in the order in which they are taken."""
        left = limit
        for state in states:
            found = self._first(state, left)
            left = None if left is None else left - len(found)
            for row in found:
                entry = _entry(row, state)
                stamp = entry.stamp
                submitted = stamp if state == "queued" else None
                not_before = stamp if state == "waiting" and not is_held(row) else None
                attempt = row.attempt if state == "running" else None
                yield JobFile(state, row.key, entry.priority, submitted, not_before, attempt, None)

    def upcoming(self, limit: int) -> Upcoming:
        """The first `limit` jobs of each state that has not ended."""
        queue_id = self.queue_id
        last = None if queue_id is None else self._rows.last_waiting(queue_id)
        return Upcoming(
            claimed=[_entry(row, "running") for row in self._first("running", limit)],
            queued=[_entry(row, "queued") for row in self._first("queued", limit)],
            waiting=[_entry(row, "waiting") for row in self._first("waiting", limit)],
            last_waiting=None if last is None else _entry(last, "waiting"),
        )

    def ready_for(self, takes: Callable[[str], bool], limit: int) -> int:
        """Count the jobs, up to `limit`, that a worker could claim now; `takes` says it of a manifest."""
        queue_id = self.queue_id
        if queue_id is None or self.pause is not None:
            return 0
        needs = [found.needs for found in self._rows.classes(queue_id) if takes(found.manifest)]
        return self._rows.count_ready(queue_id, needs, limit) if needs else 0

    def oldest_s(self) -> dict[str, float]:
        """Seconds that the oldest job has been in each state that has not ended; 0 if there is no job."""
        queue_id = self.queue_id
        return dict.fromkeys(layout.SHOWN_STATES, 0.0) if queue_id is None else self._rows.oldest_s(queue_id)

    def why_unusable(self) -> str | None:
        """Reason why the store cannot be read now; None if it can."""
        try:
            _ = self.queue_id
        except StoreError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Close the store."""
        self._reader.close()

    def _queue(self) -> QueueRow | None:
        queue_id = self.queue_id
        return None if queue_id is None else self._rows.queue(queue_id)

    def _first(self, state: str, limit: int | None) -> list[JobRow]:
        queue_id = self.queue_id
        return [] if queue_id is None else self._rows.first(queue_id, state, limit)

    @property
    def _rows(self) -> QueueRows:
        if not isinstance(self._reader, KeepsQueues):
            raise StoreError(path=str(self.root), detail="stores of its kind keep no queue of rows")
        return self._reader.queues


@lru_cache(maxsize=_OPENED_AT_ONCE)
def queue_in_store(place: RowsPlace) -> QueueInStore:
    """Return the queue of rows at a place, opened once for each process, and closed when that ends."""
    found = QueueInStore(place)
    atexit.register(found.close)
    return found


def _entry(row: JobRow, state: str) -> Entry:
    """Return a job as the name of its file would say."""
    now_ns = 0 if state == "waiting" else layout.LATEST_NS
    folder, name = layout.place_of(row, now_ns)
    return layout.parse(folder, name) or Entry(folder, name, row.key)
