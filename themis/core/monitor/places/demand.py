"""Demand for workers of a kind: the jobs of a queue that they could take now, and those that they have."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from themis.core.errors import ManifestError, NewerManifestError
from themis.core.monitor import queue_files
from themis.core.monitor.places.in_store import QueueInStore
from themis.core.monitor.places.what_is_there import jobs_at, pause_at, workers_at
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.claim_policy import ClaimPolicy
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.queue_place import Place


@dataclass(frozen=True, slots=True)
class Demand:
    """Jobs that call for workers of a kind.

    Attributes:
        ready: jobs that such a worker could take now; none while the queue is paused.
        running: jobs that those workers run, and those that nobody runs any more, which any worker would recover.
        left: why such a worker would leave jobs that it could take otherwise, each reason once.
    """

    ready: int
    running: int
    left: tuple[str, ...] = field(default=(), compare=False)

    @property
    def jobs(self) -> int:
        """Number of jobs for which there should be a slot."""
        return self.ready + self.running


class _Judge:
    """Decides which jobs workers take, and notes why they leave others.

    Attributes:
        left: the reasons, in the order in which they were met.
    """

    def __init__(self, policy: ClaimPolicy) -> None:
        self._policy = policy
        self.left: dict[str, None] = {}

    def takes_text(self, text: str) -> bool:
        """Whether they take the job with a manifest."""
        return self.takes(partial(manifest_file.decode, text.encode(), "", key=None))

    def takes(self, read: Callable[[], Manifest]) -> bool:
        """Whether they take a job; one that cannot be read is taken, and ends at once."""
        try:
            why_not = self._policy(read())
        except NewerManifestError:
            return False
        except ManifestError:
            return True
        if why_not is not None:
            self.left[why_not] = None
        return why_not is None


def demand_at(place: Place, policy: ClaimPolicy, workers: str, limit: int) -> Demand:
    """Return the demand for workers with a policy whose names begin with `workers`.

    Args:
        place: place of the queue, which need not exist yet.
        policy: which jobs the workers take.
        workers: beginning of their names.
        limit: number above which ready jobs are not counted, as more workers are not wanted.

    Raises:
        OSError: the queue's folder cannot be read.
        StoreError: the store with its rows cannot be read.
    """
    found, judge = jobs_at(place), _Judge(policy)
    if isinstance(found, QueueInStore):
        ready = found.ready_for(judge.takes_text, limit)
    else:
        ready = 0 if pause_at(place) is not None else _count(found, judge, limit)
    seen = workers_at(place)
    busy = sum(worker.busy for worker in seen if worker.report.worker.startswith(workers))
    running = {job.key for job in found.jobs(["running"], None) if job.key is not None}
    return Demand(ready, busy + len(running - _reported(seen)), tuple(judge.left))


def _reported(workers: Iterable[SeenWorker]) -> set[str]:
    """Return the jobs that living workers say they run."""
    return {slot.key for seen in workers if seen.alive for slot in seen.report.slots if slot.key is not None}


def _count(files: queue_files.QueueFiles, judge: _Judge, limit: int) -> int:
    found = 0
    for path in _ready_files(files):
        if found == limit:
            break
        with contextlib.suppress(OSError):  # somebody else has claimed it
            found += judge.takes(partial(manifest_file.read, path, key=None))
    return found


def _ready_files(files: queue_files.QueueFiles) -> Iterator[str]:
    """Yield the manifests of jobs that may be claimed now; those that are due too, as a worker queues them."""
    now = layout.stamp(time.time_ns())
    due = [name for name in files.names[layout.WAITING] if name <= now]
    for folder, names in ((layout.QUEUED, files.names[layout.QUEUED]), (layout.WAITING, due)):
        yield from (f"{files.root}/{folder}/{name}" for name in names)
