"""Where runs are kept: one protocol, a store in memory and one in a SQLite file."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Imported when they are first used: whoever only looks at a queue's rows need not wait for pydantic and the engine.
_HOMES = {
    "InMemoryRunStore": "memory",
    "RunStore": "protocol",
    "SqliteRunStore": "sqlite",
    "create_run_store": "factory",
    "register_store_backend": "factory",
    "sqlite_store": "factory",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
