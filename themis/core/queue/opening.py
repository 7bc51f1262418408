"""Opening of a queue at a place: a folder, or the rows of a results store."""

from collections.abc import Callable
from contextlib import closing

from themis.core.errors import StoreMissingError
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.folder.root import make_root, open_root
from themis.core.queue.folder.store_registry import OpenStore
from themis.core.queue.model.queue_place import Place, RowsPlace
from themis.core.queue.port import Queue
from themis.core.queue.rows.row_queue import RowQueue
from themis.core.stores.job_store import JobStore
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import open_store


def queue_at(place: Place, open_address: OpenStore, open_location: Callable[[StoreLocation], JobStore]) -> Queue:
    """Return the queue at a place; nothing is opened yet.

    Args:
        place: the place.
        open_address: opens the store that a manifest names.
        open_location: opens the store at a location, whichever it is.
    """
    if isinstance(place, RowsPlace):
        return RowQueue(place, lambda: open_location(place.location))
    return FileQueue(place, open_address)


def is_there(place: Place) -> bool:
    """Whether there is a queue at a place.

    Raises:
        QueueRootError: the folder is not a queue's.
        StoreError: the store cannot be used.
    """
    if not isinstance(place, RowsPlace):
        return open_root(place, write=False) is not None
    try:
        with closing(open_store(place.location)) as store:
            return bool(store.jobs.store_id)
    except StoreMissingError:
        return False


def make_at(place: Place) -> None:
    """Make the queue at a place, unless it is there, and check that it can be written.

    Raises:
        QueueRootError: the folder cannot be a queue.
        StoreError: the store cannot be used.
    """
    if isinstance(place, RowsPlace):
        with closing(open_store(place.location, must_exist=False)) as store:
            store.jobs.probe()
    else:
        make_root(place)
