"""The stores of a queue's jobs, for readers; no store is created."""

from contextlib import closing
from pathlib import Path

from themis.core.configuration.default_paths import DEFAULT_STORE_KIND, DEFAULT_STORE_PATH
from themis.core.errors import OtherStoreError, StoreMissingError, UnavailableError
from themis.core.queue.folder import location
from themis.core.queue.folder.root import open_root, read_queue_file
from themis.core.queue.folder.store_registry import addresses_in
from themis.core.queue.model.queue_place import Place, RowsPlace
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import reader_of


def is_there(location: StoreLocation) -> bool:
    """Whether there is a store at a location, even one that cannot be read now; none is created."""
    try:
        with closing(reader_of(location)) as reader:
            _ = reader.store_id
    except StoreMissingError:
        return False
    except UnavailableError:
        return True
    return True


def stores_of(place: Place) -> list[StoreLocation]:
    """The stores of a queue's jobs, and the default store beside the queue, if it exists.

    Stores that the queue names are included even if they are gone. For a store that moved or was copied with its queue,
    this is the new location.

    Raises:
        QueueRootError: the folder exists and is not a queue's.
    """
    if isinstance(place, RowsPlace):
        return [place.location]
    root = open_root(place, write=False)
    beside = place.parent / Path(DEFAULT_STORE_PATH).name
    found = [StoreLocation(DEFAULT_STORE_KIND, str(beside))] if beside.exists() else []
    if root is not None:
        recorded = location.said(read_queue_file(root.path))
        now = location.rebase(recorded.path, str(root.path)) if recorded else str
        found += [address.moved(now).location for address in addresses_in(root.path)]
    return list(dict.fromkeys(found))


def unusable_stores(place: Place) -> dict[str, str]:
    """Reasons why stores of a queue's jobs cannot be opened now, by path; no store is created."""
    if isinstance(place, RowsPlace):
        return {}  # it has no other store than the one that it is read from
    found, root = {}, open_root(place, write=False)
    if root is None:
        return {}
    for address in addresses_in(root.path):
        try:
            with closing(reader_of(address.location)) as reader:
                store_id = reader.store_id
            if store_id != address.id:
                raise OtherStoreError(path=address.path, found=store_id, expected=address.id)
        except UnavailableError as error:
            found[address.path] = str(error)
    return found
