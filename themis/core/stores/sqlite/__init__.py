"""A store in one SQLite file."""

from typing import TYPE_CHECKING

from themis.core.python.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.core.stores.sqlite.store import SqliteRunStore, sqlite_store

__all__ = ["SqliteRunStore", "sqlite_store"]

# Imported when they are first used: a command that only reads a store need not wait for pydantic and the engine.
__getattr__ = lazy_names(__name__, {"SqliteRunStore": ".store", "sqlite_store": ".store"})
