"""Whether what a job needs can be written, tried before it is claimed: an outage is no job's fault, and spends none."""

from collections.abc import Iterable

from themis.core.errors import QueueError
from themis.core.queue.file_queue import FileQueue
from themis.core.stores.job_store import JobStore


def check_writable(queue: FileQueue, stores: Iterable[JobStore]) -> None:
    """Write to the folder of a queue and to each of some stores, synced; it leaves nothing behind.

    Costs two synced writes a store and the folder: a millisecond on a solid-state disk.

    Raises:
        QueueError: the folder cannot be written, or there is none.
        StoreError: a store cannot.
    """
    try:
        queue.probe()
    except OSError as error:
        raise QueueError(path=queue.path, detail=f"cannot be written: {error.strerror or error}") from error
    for store in stores:
        store.probe()
