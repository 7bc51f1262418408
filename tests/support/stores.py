"""One store of each kind, for tests of what every store promises."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres_server
from tests.support.lab import ScriptedGenerator, dataset, experiment
from tests.support.shared_file_store import KIND, SharedFileStore, build
from themis.core.config import StorageConfig
from themis.core.stores import (
    InMemoryRunStore,
    RunStore,
    create_run_store,
    register_store_backend,
    registry,
    sqlite_store,
)


@contextmanager
def third_kind() -> Iterator[None]:
    """A block in which the kind of store that the tests bring is registered."""
    register_store_backend(KIND, build)
    try:
        yield
    finally:
        del registry._registered[KIND]


def _postgres(_: Path) -> RunStore:
    return create_run_store(_in_postgres(_))


def _in_postgres(_: Path) -> StorageConfig:
    return StorageConfig(store="postgres", parameters={"url": postgres_server.schema_url()})


def _shared_file(folder: Path) -> RunStore:
    store = SharedFileStore(folder / "s.json")
    store.initialize()
    return store


STORES: dict[str, Callable[[Path], RunStore]] = {
    "memory": lambda _: InMemoryRunStore(),
    "sqlite": lambda folder: sqlite_store(folder / "s.sqlite3"),
    "postgres": _postgres,
    KIND: _shared_file,
}
"""Makes a store, ready for use, in a test's folder; skips the test where the store needs what is not installed."""

EACH_STORE: list[Any] = [
    pytest.param(kind, marks=[pytest.mark.slow] if kind == "postgres" else [], id=kind) for kind in STORES
]
"""The kinds of stores as values of a parameter: all of a server's tests would take the quick ones too long."""

PERSISTENT: dict[str, Callable[[Path], StorageConfig]] = {
    "sqlite": lambda folder: StorageConfig(store="sqlite", parameters={"path": str(folder / "runs.sqlite3")}),
    "postgres": _in_postgres,
    KIND: lambda folder: StorageConfig(store=KIND, parameters={"path": str(folder / "runs.json")}),
}
"""The configuration of a store that other processes find, in a test's folder."""


def added_run(store: RunStore, dataset_id: str) -> str:
    """Add a run of three cases that has not begun; returns its id."""
    snapshot = experiment(ScriptedGenerator(), datasets=[dataset(3, dataset_id)]).compile()
    store.create_run(snapshot)
    return snapshot.run_id
