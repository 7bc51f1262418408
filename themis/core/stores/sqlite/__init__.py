"""Store in one SQLite file."""

from typing import TYPE_CHECKING

from themis.core.python.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.core.stores.sqlite.opening import sqlite_store
    from themis.core.stores.sqlite.store import SqliteRunStore

__all__ = ["SqliteRunStore", "sqlite_store"]

# Imported on first use: code that only reads a store does not need pydantic and the engine.
__getattr__ = lazy_names(__name__, {"SqliteRunStore": ".store", "sqlite_store": ".opening"})
