"""Where runs are kept: one protocol, a store in memory and one in a SQLite file."""

from themis.core.stores.factory import create_run_store, register_store_backend, sqlite_store
from themis.core.stores.memory import InMemoryRunStore
from themis.core.stores.protocol import RunStore
from themis.core.stores.sqlite import SqliteRunStore

__all__ = [
    "InMemoryRunStore",
    "RunStore",
    "SqliteRunStore",
    "create_run_store",
    "register_store_backend",
    "sqlite_store",
]
