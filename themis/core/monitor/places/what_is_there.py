"""Facts about the queue at a place, by its kind: from a folder's files, or from a store's rows."""

from themis.core.monitor import queue_files
from themis.core.monitor.places.in_store import QueueInStore, queue_in_store
from themis.core.monitor.queue_files import QueueFiles
from themis.core.queue.folder import pausing, worker_registry
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.root import open_root
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.model import layout
from themis.core.queue.model.queue_place import Place, RowsPlace

QueueJobs = QueueFiles | QueueInStore
"""The jobs of a queue at one moment."""


def queue_id_at(place: Place) -> str | None:
    """The id of the queue at a place; None before its first job.

    Raises:
        QueueRootError: the folder exists and is not a queue's.
        StoreError: the store cannot be read.
    """
    if isinstance(place, RowsPlace):
        return queue_in_store(place).queue_id
    root = open_root(place, write=False)
    return None if root is None else root.queue_id


def jobs_at(place: Place) -> QueueJobs:
    """The jobs of the queue at a place; a missing folder counts as empty.

    Raises:
        OSError: a folder cannot be read.
        StoreError: the store cannot be read.
    """
    return queue_in_store(place) if isinstance(place, RowsPlace) else queue_files.read(place)


def pause_at(place: Place) -> Pause | None:
    """The pause of the queue at a place; None while it is not paused."""
    if isinstance(place, RowsPlace):
        return queue_in_store(place).pause
    return pausing.read(place / layout.PAUSED_FILE)


def workers_at(place: Place) -> list[SeenWorker]:
    """Every registered worker of the queue at a place, by name, also dead ones."""
    if isinstance(place, RowsPlace):
        return queue_in_store(place).workers()
    return worker_registry.workers_of(place)
