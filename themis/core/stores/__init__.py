"""Stores of runs and jobs: one port, with a store in memory, one in a SQLite file and one in Postgres."""

from typing import TYPE_CHECKING

from themis.core.python.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.core.stores.memory import InMemoryRunStore
    from themis.core.stores.protocol import RunStore
    from themis.core.stores.registry import create_run_store, register_store_backend
    from themis.core.stores.sqlite import SqliteRunStore, sqlite_store

__all__ = [
    "InMemoryRunStore",
    "RunStore",
    "SqliteRunStore",
    "create_run_store",
    "register_store_backend",
    "sqlite_store",
]

# Imported on first use: code that only reads a queue's rows does not need pydantic and the engine.
__getattr__ = lazy_names(
    __name__,
    {
        "InMemoryRunStore": ".memory",
        "RunStore": ".protocol",
        "SqliteRunStore": ".sqlite",
        "create_run_store": ".registry",
        "register_store_backend": ".registry",
        "sqlite_store": ".sqlite",
    },
)
