"""The stores that manifests name, each opened once."""

from pathlib import Path

from themis.core.errors import OtherStoreError, StoreError
from themis.core.queue.manifest_file import StoreAddress
from themis.core.stores.sqlite import SqliteRunStore
from themis.core.stores.sqlite_database import BUSY_TIMEOUT_S
from themis.core.stores.sqlite_jobs import SqliteJobStore


class StoreCache:
    """Opens the stores that manifests name, each once; it never makes one.

    Args:
        busy_timeout_s, retry_attempts: how long a store is waited for that others write to; see `SqliteRunStore`.
    """

    def __init__(self, *, busy_timeout_s: float = BUSY_TIMEOUT_S, retry_attempts: int = 5) -> None:
        """Nothing is opened yet."""
        self._busy_timeout_s = busy_timeout_s
        self._retry_attempts = retry_attempts
        self._stores: dict[str, SqliteRunStore] = {}

    def __call__(self, address: StoreAddress) -> SqliteJobStore:
        """The jobs of the store at an address.

        Raises:
            StoreError: it is not there.
            OtherStoreError: another one is.
        """
        if address.kind != "sqlite":
            raise StoreError(
                path=address.path, detail=f"is a store of kind {address.kind!r}, which workers cannot open"
            )
        if not Path(address.path).is_file():
            raise StoreError(path=address.path, detail="is not there")
        store = self.run_store(address)
        if store.jobs.store_id != address.id:
            raise OtherStoreError(path=address.path, found=store.jobs.store_id, expected=address.id)
        return store.jobs

    def run_store(self, address: StoreAddress) -> SqliteRunStore:
        """The store at an address."""
        store = self._stores.get(address.path)
        if store is not None and not store.jobs.is_in_place:
            store.close()  # what is there now is another file
            store = None
        if store is None:
            store = self._stores[address.path] = SqliteRunStore(
                address.path, busy_timeout_s=self._busy_timeout_s, retry_attempts=self._retry_attempts
            )
        return store

    def opened(self) -> list[SqliteJobStore]:
        """The jobs of each store that is open."""
        return [store.jobs for store in self._stores.values()]

    def close(self) -> None:
        """Close them all."""
        for store in self._stores.values():
            store.close()
        self._stores.clear()
