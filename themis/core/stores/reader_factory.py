"""From where a store is to its reader, by the store's kind."""

from collections.abc import Callable

from themis.core.errors import StoreError
from themis.core.stores.reading import StoreLocation, StoreReader
from themis.core.stores.sqlite.reader import SqliteReader

OpenReader = Callable[[StoreLocation, float], StoreReader]
"""Makes the reader of the store at a location, which waits for so many seconds for one that is busy."""

PATIENCE_S = 30.0
"""How long a store is waited for that another process keeps locked, where nobody says otherwise."""


def register_reader(kind: str, open_reader: OpenReader) -> None:
    """Have stores of a kind read by what `open_reader` makes."""
    _READERS[kind] = open_reader


def reader_of(location: StoreLocation, *, patience_s: float = PATIENCE_S) -> StoreReader:
    """The reader of the store at a location; nothing is opened before it is first used.

    Raises:
        StoreError: stores of that kind cannot be read by other processes.
    """
    open_reader = _READERS.get(location.kind)
    if open_reader is None:
        known = ", ".join(sorted(_READERS))
        detail = f"is a store of kind {location.kind!r}, which no other process can read; those that can be: {known}"
        raise StoreError(path=location.path, detail=detail)
    return open_reader(location, patience_s)


_READERS: dict[str, OpenReader] = {"sqlite": SqliteReader}
