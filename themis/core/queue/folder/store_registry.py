"""Registry of the results stores that a queue's jobs belong to."""

import contextlib
import heapq
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from themis.core.errors import (
    AmbiguousJobError,
    HiddenJobError,
    OtherStoreError,
    StoreCopyError,
    UnavailableError,
    UnknownJobError,
)
from themis.core.files import durable, guarded
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.job_rows import JobRow
from themis.core.stores.job_store import JobStore

OpenStore = Callable[[StoreAddress], JobStore]
"""Returns the store at an address, opened once. It must not make one: a missing store is a `StoreError`."""

_MAX_FILE_BYTES = 16_384
_PAGE = 1_000
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(slots=True)
class ScanProgress:
    """Progress of a scan of a queue's jobs, for display meanwhile."""

    total: int = 0
    done: int = 0


class StoreRegistry:
    """Opens stores by their addresses, and records them in the queue's folder.

    A manifest that cannot be read does not name the store of its job's row; the folder `stores` does.
    """

    def __init__(self, root: QueueRoot, open_store: OpenStore) -> None:
        """Make the registry of the queue `root`."""
        self._root = root
        self._open_store = open_store
        self._opened: dict[StoreAddress, tuple[StoreAddress, JobStore]] = {}
        self._registered: set[StoreAddress] = set()

    def get(self, address: StoreAddress) -> JobStore:
        """Return the store at an address.

        Raises:
            StoreError: it is missing or cannot be used.
            OtherStoreError: another store is there.
        """
        if address in self._opened:
            with contextlib.suppress(UnavailableError):
                return self._open(self._opened[address][0])
            del self._opened[address]
        where = self.where(address)
        try:
            store = self._open(where)
        except UnavailableError:
            if where == address:
                raise
            where, store = address, self._open(address)
        self._opened[address] = where, store
        return store

    def where(self, address: StoreAddress) -> StoreAddress:
        """Return the last known address of a store, identified by its id; its path is written once, in `stores`.

        The address in a manifest is the one from the time when it was written.
        """
        found = self._opened.get(address)
        if found is not None and found[1].is_in_place:
            return found[0]
        known = _read(self._file_of(address.id)) if _ID.fullmatch(address.id) else None
        return address if known is None or (known.kind, known.id) != (address.kind, address.id) else known

    def register(self, address: StoreAddress) -> None:
        """Record the address of a store durably.

        Raises:
            StoreCopyError: another store of the same id is at the address that was recorded.
        """
        if address in self._registered:
            return
        target = self._file_of(address.id)
        known = _read(target)
        if known is not None and known != address:
            other = self._identity_of(known)
            if other is not None and other != self._identity_of(address):
                raise StoreCopyError(path=address.path, other=known.path)
            known = address if other is not None else known
        if known != address:
            document = {"kind": address.kind, "path": address.path, "id": address.id}
            durable.publish(self._root.hidden_name(), target, json.dumps(document).encode() + b"\n")
        self._registered.add(address)

    def _file_of(self, store_id: str) -> Path:
        return self._root.path / layout.STORES / f"{store_id}.json"

    def _open(self, address: StoreAddress) -> JobStore:
        store = self._open_store(address)
        if store.store_id != address.id:
            raise OtherStoreError(path=address.path, found=store.store_id, expected=address.id)
        return store

    def _identity_of(self, address: StoreAddress) -> object | None:
        """Return the identity of the store at an address, the same for all its addresses; None when it is missing."""
        try:
            return self._open(address).identity
        except UnavailableError:
            return None

    def addresses(self) -> list[StoreAddress]:
        """Return the addresses of all stores that jobs were submitted for."""
        return self.addresses_of(self._root)

    @staticmethod
    def addresses_of(root: QueueRoot) -> list[StoreAddress]:
        """Return the addresses of all stores that jobs of a queue were submitted for."""
        return addresses_in(root.path)

    def usable(self) -> Iterator[tuple[StoreAddress, JobStore]]:
        """Yield the stores that can be opened now."""
        for address in self.addresses():
            with contextlib.suppress(UnavailableError):  # reported by `unusable`
                yield address, self.get(address)

    def unusable(self) -> dict[StoreAddress, UnavailableError]:
        """Return the stores that cannot be opened now, each with its error, which names the path."""
        found = {}
        for address in self.addresses():
            try:
                self.get(address)
            except UnavailableError as error:
                found[address] = error
        return found

    def find(self, prefix: str) -> tuple[JobStore, JobRow]:
        """Find the one job of this queue whose key begins with `prefix`.

        Raises:
            UnknownJobError: there is none; a HiddenJobError when not every store could be searched.
            AmbiguousJobError: there are several.
        """
        found = [
            (store, row)
            for _, store in self.usable()
            for row in store.find(prefix)
            if row.queue_id == self._root.queue_id
        ]
        exact = [pair for pair in found if pair[1].key == prefix]
        if len(exact or found) > 1:
            raise AmbiguousJobError(key=prefix, matches=", ".join(row.key for _, row in found))
        if not found:
            if unseen := self.unusable():
                raise HiddenJobError(key=prefix, unseen="; ".join(map(str, unseen.values())))
            raise UnknownJobError(key=prefix)
        return (exact or found)[0]

    def find_exactly(self, key: str) -> tuple[JobStore, JobRow] | None:
        """Find the job of this queue with exactly that key; None when there is none."""
        for _, store in self.usable():
            row = store.load(key)
            if row is not None and row.queue_id == self._root.queue_id:
                return store, row
        return None


def addresses_in(root: Path) -> list[StoreAddress]:
    """Return the addresses of all stores that jobs were submitted for to the queue in a folder."""
    files = sorted((root / layout.STORES).glob("*.json"))
    return [address for address in map(_read, files) if address is not None]


def rows_of(
    root: QueueRoot, registry: StoreRegistry, progress: ScanProgress | None = None
) -> Iterator[tuple[JobStore, JobRow]]:
    """Yield every job of a queue, with its store, from the stores that can be opened, in order of their keys.

    They are read in pages, each in the state of its moment, so that few are in memory at a time.
    """
    stores = [store for _, store in registry.usable()]
    if progress is not None:
        progress.total += sum(sum(store.counts(root.queue_id).values()) for store in stores)
    for pair in heapq.merge(*(_pages(root, store) for store in stores), key=lambda pair: pair[1].key):
        yield pair
        if progress is not None:
            progress.done += 1


def _pages(root: QueueRoot, store: JobStore) -> Iterator[tuple[JobStore, JobRow]]:
    after = ""
    while page := store.jobs_of(root.queue_id, after=after, limit=_PAGE):
        yield from ((store, row) for row in page)
        after = page[-1].key


def _read(path: Path) -> StoreAddress | None:
    try:
        document = json.loads(guarded.read(path, _MAX_FILE_BYTES))
        return StoreAddress(kind=str(document["kind"]), path=str(document["path"]), id=str(document["id"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
