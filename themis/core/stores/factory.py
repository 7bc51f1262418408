"""From a storage configuration to a store."""

from collections.abc import Callable
from typing import Any

from themis.core.config import StorageConfig
from themis.core.errors import ConfigError
from themis.core.nearest import nearest_hint
from themis.core.secrets import resolve_references
from themis.core.stores.memory import InMemoryRunStore
from themis.core.stores.protocol import RunStore
from themis.core.stores.sqlite import SqliteRunStore

StoreBuilder = Callable[[StorageConfig], RunStore]
"""Makes a store of its configuration, in whose parameters each secret stands in place of the reference to it."""


def register_store_backend(name: str, builder: StoreBuilder) -> None:
    """Make `storage.store: <name>` call `builder(config)` with the storage's configuration."""
    _BACKENDS[name] = builder


def create_run_store(config: StorageConfig, *, retry_attempts: int = 5, retry_delay_s: float = 0.01) -> RunStore:
    """The store that a configuration names, ready for use.

    Args:
        config: which store, and its parameters.
        retry_attempts: how often a busy SQLite file is tried again.
        retry_delay_s: seconds before each of these tries.

    Raises:
        ConfigError: there is no such store, or its parameters do not fit.
        StoreError: it cannot be used.
    """
    builder = _BACKENDS.get(config.store)
    if builder is None:
        raise ConfigError(
            where="storage.store", detail=f"no store {config.store!r}{nearest_hint(config.store, _BACKENDS)}"
        )
    parameters: dict[str, Any] = resolve_references(config.parameters, where="storage.parameters")
    if builder is _sqlite:
        parameters = parameters | {"retry_attempts": retry_attempts, "retry_delay_s": retry_delay_s}
    store = builder(config.model_copy(update={"parameters": parameters}))
    store.initialize()
    return store


def _memory(config: StorageConfig) -> RunStore:
    return _made(InMemoryRunStore, config)


def _sqlite(config: StorageConfig) -> RunStore:
    return _made(SqliteRunStore, config)


def _made(kind: Callable[..., RunStore], config: StorageConfig) -> RunStore:
    """A store of ours, whose parameters are its arguments."""
    try:
        return kind(**config.parameters)
    except TypeError as error:
        raise ConfigError(where="storage.parameters", detail=str(error).partition(") ")[2] or str(error)) from None


_BACKENDS: dict[str, StoreBuilder] = {"memory": _memory, "sqlite": _sqlite}
