"""Opening of a store in a SQLite file."""

from pathlib import Path

from themis.core.stores.sqlite.store import SqliteRunStore


def sqlite_store(path: str | Path, *, retry_attempts: int = 5, retry_delay_s: float = 0.01) -> SqliteRunStore:
    """Open the store in the SQLite file `path`, ready for use."""
    store = SqliteRunStore(path, retry_attempts=retry_attempts, retry_delay_s=retry_delay_s)
    store.initialize()
    return store
