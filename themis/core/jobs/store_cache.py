"""Cache of the stores that manifests name, each opened once."""

from typing import TYPE_CHECKING

from themis.core.errors import OtherStoreError
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.backend import BUSY_TIMEOUT_S, Patience
from themis.core.stores.job_store import JobStore
from themis.core.stores.protocol import RunStore
from themis.core.stores.registry import open_for_reading, open_store

if TYPE_CHECKING:
    from themis.core.stores.reading import StoreLocation


class StoreCache:
    """Opens the stores that manifests name, each once; it never creates one.

    Args:
        busy_timeout_s, retry_attempts: how long to wait for a store that others write to; see `Patience`.
        read_only: opens them for reading only, so that they need not be writable.
    """

    def __init__(
        self, *, busy_timeout_s: float = BUSY_TIMEOUT_S, retry_attempts: int = 5, read_only: bool = False
    ) -> None:
        """Create a cache without open stores."""
        self._read_only = read_only
        self._patience = Patience(busy_timeout_s, retry_attempts)
        self._stores: dict[StoreLocation, RunStore] = {}

    def __call__(self, address: StoreAddress) -> JobStore:
        """Return the jobs of the store at an address.

        Raises:
            StoreError: it does not exist, or this process does not know its kind.
            OtherStoreError: another store is there.
        """
        jobs = self.run_store(address).jobs
        if jobs.store_id != address.id:
            raise OtherStoreError(path=address.path, found=jobs.store_id, expected=address.id)
        return jobs

    def run_store(self, address: StoreAddress) -> RunStore:
        """Return the store at an address.

        Raises:
            StoreError: it does not exist, or this process does not know its kind.
        """
        return self.store_at(address.location)

    def store_at(self, location: "StoreLocation") -> RunStore:
        """Return the store at a location, whichever it is; raises as `run_store` does."""
        store = self._stores.get(location)
        if store is not None and not store.jobs.is_in_place:
            del self._stores[location]  # else it would be used again, and make a new file
            store.close()
            store = None
        if store is None:
            store = self._stores[location] = self._opened(location)
        return store

    def jobs_at(self, location: "StoreLocation") -> JobStore:
        """Return the jobs of the store at a location; raises as `run_store` does."""
        return self.store_at(location).jobs

    def _opened(self, location: "StoreLocation") -> RunStore:
        if self._read_only:
            return open_for_reading(location, patience_s=self._patience.busy_timeout_s)
        return open_store(location, self._patience)

    def opened(self) -> list[JobStore]:
        """Return the jobs of each open store."""
        return [store.jobs for store in self._stores.values()]

    def close(self) -> None:
        """Close all stores."""
        for store in self._stores.values():
            store.close()
        self._stores.clear()
