"""A queue at a glance: how many jobs are in each state, whether anybody takes them, and which stores cannot be used."""

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
        files: its jobs, as the names of their files tell.
        exists: whether anything was ever submitted.
        pause: who paused it, when and why; None while jobs are taken.
        unusable_stores: why stores of its jobs cannot be opened now, by their paths.
    """

    files: QueueFiles
    exists: bool
    pause: Pause | None = None
    unusable_stores: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The same as JSON, without its jobs, which may be very many, and the stores."""
        return {
            "queue_root": str(self.files.root),
            "paused": self.pause is not None,
            "pause": None if self.pause is None else asdict(self.pause),
            "counts": {**self.files.counts, "rejected": self.files.rejected},
        }


def summary_of(queue_root: Path) -> QueueSummary:
    """The queue in a folder, which need not be there yet.

    Raises:
        QueueRootError: the folder is not a queue's, or cannot be read.
    """
    root = open_root(queue_root, write=False)
    pause = pausing.read(queue_root / layout.PAUSED_FILE)
    if root is None:
        return QueueSummary(queue_files.nothing(queue_root), exists=False, pause=pause)
    files = queue_files.read(queue_root)
    return QueueSummary(files, exists=True, pause=pause, unusable_stores=unusable_stores(root))
