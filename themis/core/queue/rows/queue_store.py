"""Store of a queue of rows, opened on first use, with what belongs to it."""

import os
import socket
from collections.abc import Callable

from themis.core.errors import StoreError
from themis.core.queue.folder.lease import LEASE_S
from themis.core.queue.folder.lease_end import now_s
from themis.core.queue.model.queue_place import RowsPlace
from themis.core.queue.model.store_address import StoreAddress
from themis.core.queue.rows.this_host import ThisHost
from themis.core.stores.job_rows import JobRow, Owner
from themis.core.stores.job_store import JobStore
from themis.core.stores.queues.port import JobEvent, KeepsQueues, QueueRow, QueueRows
from themis.core.text.lines import cut
from themis.core.text.masking import mask

OpenJobs = Callable[[], JobStore]
"""Opens the jobs of the store that a queue is in."""

QUEUE_ROOT = "store"
"""What a job's row has in place of its queue's folder."""

_CLOCK_S = 30.0
_KNOWN_S = 1.0
_NS = 1e9
_HOST = socket.gethostname()


class QueueStore:
    """Store of a queue of rows. The queue's id is the store's.

    Attributes:
        place: place of the queue.
    """

    def __init__(self, place: RowsPlace, open_jobs: OpenJobs) -> None:
        """Use the store that `open_jobs` opens; nothing is opened yet."""
        self.place = place
        self._open = open_jobs
        self._jobs: JobStore | None = None
        self._rows: QueueRows | None = None
        self._queue: QueueRow | None = None
        self._here: ThisHost | None = None
        self._clock_ns = 0
        self._asked_s: float | None = None
        self._looked_s: float | None = None

    @property
    def jobs(self) -> JobStore:
        """Jobs of the store.

        Raises:
            StoreError: it cannot be used, or keeps no queues.
        """
        if self._jobs is None or not self._jobs.is_in_place:
            self._jobs = self._open()
            self._here = self._queue = self._looked_s = None
            if not isinstance(self._jobs, KeepsQueues):
                raise StoreError(path=str(self.place), detail="stores of its kind keep no queue of rows")
            self._rows = self._jobs.queues
        return self._jobs

    @property
    def rows(self) -> QueueRows:
        """Queues of the store."""
        _ = self.jobs
        assert self._rows is not None, "set with the jobs"  # noqa: S101
        return self._rows

    @property
    def queue_id(self) -> str:
        """Id of the queue."""
        return self.jobs.store_id

    @property
    def address(self) -> StoreAddress:
        """Address of the store, as this process reaches it."""
        kind, path = self.place.location
        return StoreAddress(kind, path, self.queue_id)

    @property
    def here(self) -> ThisHost:
        """Knowledge of this host about the queue."""
        queue_id = self.queue_id
        if self._here is None:
            self._here = ThisHost(queue_id)
        return self._here

    def queue(self) -> QueueRow | None:
        """Return the queue as it is now; None before its first job."""
        return self.rows.queue(self.queue_id)

    def known_queue(self) -> QueueRow | None:
        """Return the queue as it was a second ago at most: a worker looks at it in each round of its loop."""
        if self._looked_s is None or now_s() - self._looked_s > _KNOWN_S:
            self._looked_s = now_s()  # before it is read: a store that is away is not asked in each round
            self._queue = self.queue()
        return self._queue

    def forget_queue(self) -> None:
        """Read the queue again when it is next looked at."""
        self._looked_s = None

    def is_paused(self) -> bool:
        """Whether the queue is paused now."""
        self.forget_queue()
        found = self.known_queue()
        return found is not None and found.paused_ns is not None

    def as_made(self) -> QueueRow:
        """Return the queue as its first job makes it."""
        return QueueRow(self.queue_id, round(LEASE_S * 1_000))

    @property
    def lease_ms(self) -> int:
        """Length of a claim's lease, in milliseconds; the same for all who use the queue."""
        if self._queue is None:
            self.known_queue()
        return (self._queue or self.as_made()).lease_ms

    def now_ns(self, *, fresh: bool = True) -> int:
        """Return the time by the store's clock, in nanoseconds since 1970 UTC.

        If it need not be `fresh`, it is reckoned from an answer of the last half minute: it may then be behind by the
        time that the answer took.
        """
        if fresh or self._asked_s is None or now_s() - self._asked_s > _CLOCK_S:
            self.told_time(self.rows.clock_ns())
        return self._clock_ns + int((now_s() - (self._asked_s or 0.0)) * _NS)

    def told_time(self, clock_ns: int) -> None:
        """Learn what the store's clock says now."""
        self._clock_ns, self._asked_s = clock_ns, now_s()


def event(move: str, row: JobRow | None = None, *, owner: Owner | None = None, **facts: object) -> JobEvent:
    """Return an event of a job's history; secrets in its reason are masked.

    Args:
        move: name of the move.
        row: the job after it; None where it says nothing of the job.
        owner: process that made it; by default this one, for a person.
        facts: other fields.
    """
    why = facts.pop("why", None)
    return JobEvent(
        at_ms=0,
        move=move,
        host=_HOST if owner is None else owner.host,
        pid=os.getpid() if owner is None else owner.pid,
        worker=None if owner is None else owner.worker,
        state=None if row is None else str(row.state),
        attempt=None if row is None else row.attempt,
        version=None if row is None else row.version,
        why=None if why is None else cut(mask(str(why))),
        **facts,  # type: ignore[arg-type]  # numbers, by their callers
    )
