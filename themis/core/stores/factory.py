"""From a storage configuration to a store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from themis.core.config import StorageConfig
from themis.core.errors import ConfigError
from themis.core.nearest import nearest_hint
from themis.core.secrets import resolve_references
from themis.core.stores.memory import InMemoryRunStore
from themis.core.stores.protocol import RunStore
from themis.core.stores.sqlite import SqliteRunStore

StoreFactory = Callable[..., RunStore]


def sqlite_store(path: str | Path, *, retry_attempts: int = 5, retry_delay_s: float = 0.01) -> SqliteRunStore:
    """A store in the SQLite file `path`, ready for use."""
    store = SqliteRunStore(path, retry_attempts=retry_attempts, retry_delay_s=retry_delay_s)
    store.initialize()
    return store


def register_store_backend(name: str, factory: StoreFactory) -> None:
    """Make `storage.store: <name>` call `factory(**storage.parameters)`."""
    _BACKENDS[name] = factory


def create_run_store(storage: StorageConfig, *, retry_attempts: int = 5, retry_delay_s: float = 0.01) -> RunStore:
    """The store that a configuration names, ready for use.

    Raises:
        ConfigError: there is no such store, or its parameters do not fit.
        StoreError: it cannot be used.
    """
    factory = _BACKENDS.get(storage.store)
    if factory is None:
        raise ConfigError(
            where="storage.store", detail=f"no store {storage.store!r}{nearest_hint(storage.store, _BACKENDS)}"
        )
    parameters: dict[str, Any] = resolve_references(storage.parameters, where="storage.parameters")
    if factory is SqliteRunStore:
        parameters |= {"retry_attempts": retry_attempts, "retry_delay_s": retry_delay_s}
    try:
        store = factory(**parameters)
    except TypeError as error:
        raise ConfigError(where="storage.parameters", detail=str(error).partition(") ")[2] or str(error)) from None
    store.initialize()
    return store


_BACKENDS: dict[str, StoreFactory] = {"memory": InMemoryRunStore, "sqlite": SqliteRunStore}
