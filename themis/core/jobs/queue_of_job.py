"""Queue that an experiment names, for the submission of its job."""

from collections.abc import Mapping

from themis.core.errors import ConfigError
from themis.core.jobs.prepared_job import PreparedJob
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.model.queue_place import Place, RowsPlace, place_in, queue_place
from themis.core.queue.model.store_address import StoreAddress
from themis.core.queue.opening import queue_at
from themis.core.queue.port import Queue
from themis.core.stores.job_store import JobStore
from themis.core.stores.registry import location_of


def place_of(found: PreparedJob, others: StoreCache) -> Place:
    """Return the place of the queue that an experiment names.

    Args:
        found: the job.
        others: opens the store of a queue of rows that is not named in the same words as that of the results.

    Raises:
        ConfigError: there is no such queue, or its rows are in another store than the results.
        StoreError: that store cannot be used.
    """
    own = location_of(found.experiment.storage)
    place = queue_place(found.experiment.runtime.queue_root, own)
    if isinstance(place, RowsPlace) and place != place_in(own):
        if others.jobs_at(place.location).store_id != found.job.store.id:
            detail = (
                "is another store than that of the results: a queue of rows is for its own store's runs; write `store`"
            )
            raise ConfigError(where="runtime.queue_root", detail=detail)
        return place_in(own)
    return place


def queue_of(place: Place, own: Mapping[StoreAddress, JobStore], others: StoreCache) -> Queue:
    """Return the queue at a place, for jobs whose stores are open.

    Args:
        place: the place.
        own: the stores of the jobs. A run and its job are written in one transaction, and so through one store.
        others: opens the stores of other jobs.
    """

    def open_store(address: StoreAddress) -> JobStore:
        return own[address] if address in own else others(address)

    def open_rows(_: object) -> JobStore:
        (jobs,) = own.values()
        return jobs

    return queue_at(place, open_store, open_rows)
