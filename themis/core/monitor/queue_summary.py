"""Summary of a queue: the number of jobs in each state, whether it is paused, and the stores that cannot be used."""

from dataclasses import asdict, dataclass, field
from typing import Any

from themis.core.monitor import queue_files
from themis.core.monitor.places.what_is_there import QueueJobs, jobs_at, pause_at, queue_id_at
from themis.core.monitor.stores import unusable_stores
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.model.queue_place import Place, RowsPlace


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """A queue at one moment, from its files or rows alone.

    Attributes:
        files: its jobs, from the names of their files or from their rows.
        exists: whether a job was ever submitted.
        pause: who paused it, when and why; None if it is not paused.
        unusable_stores: why stores of its jobs cannot be opened now, by path.
    """

    files: QueueJobs
    exists: bool
    pause: Pause | None = None
    unusable_stores: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The summary as JSON, without the jobs, which may be very many, and the stores."""
        return {
            "queue_root": str(self.files.root),
            "paused": self.pause is not None,
            "pause": None if self.pause is None else asdict(self.pause),
            "counts": {**self.files.counts, "rejected": self.files.rejected},
        }


def summary_of(place: Place) -> QueueSummary:
    """Return the summary of the queue at a place, which need not exist yet.

    Raises:
        QueueRootError: the folder is not a queue's, or cannot be read.
        StoreError: the store with its rows cannot be read.
    """
    exists, pause = queue_id_at(place) is not None, pause_at(place)
    if not exists and not isinstance(place, RowsPlace):
        return QueueSummary(queue_files.nothing(place), exists=False, pause=pause)
    return QueueSummary(jobs_at(place), exists=exists, pause=pause, unusable_stores=unusable_stores(place))
