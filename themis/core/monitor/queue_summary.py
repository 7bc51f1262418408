"""Summary of a queue: the number of jobs in each state, whether it is paused, and the stores that cannot be used."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from themis.core.monitor import queue_files
from themis.core.monitor.queue_files import QueueFiles
from themis.core.monitor.stores import unusable_stores
from themis.core.queue.folder import pausing
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.root import open_root
from themis.core.queue.model import layout


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """A queue at one moment, from its files alone.

    Attributes:
        files: its jobs, from the names of their files.
        exists: whether a job was ever submitted.
        pause: who paused it, when and why; None if it is not paused.
        unusable_stores: why stores of its jobs cannot be opened now, by path.
    """

    files: QueueFiles
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


def summary_of(queue_root: Path) -> QueueSummary:
    """Return the summary of the queue in a folder, which need not exist yet.

    Raises:
        QueueRootError: the folder is not a queue's, or cannot be read.
    """
    root = open_root(queue_root, write=False)
    pause = pausing.read(queue_root / layout.PAUSED_FILE)
    if root is None:
        return QueueSummary(queue_files.nothing(queue_root), exists=False, pause=pause)
    files = queue_files.read(queue_root)
    return QueueSummary(files, exists=True, pause=pause, unusable_stores=unusable_stores(root))
