"""Registry of the kinds of stores, by name: makes a store from a configuration or from its location.

A kind is built in, registered by this process, or named by an installed package under the entry-point group
`themis.stores`; only built-in and installed kinds are found by every process, also by commands and workers. A queue and
its manifests describe a store by its kind and a text: the path of a file, or the parameters of `storage` as JSON, with
secrets as references.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core.errors import ConfigError, StoreError, StoreMissingError
from themis.core.stores.backend import BUSY_TIMEOUT_S, Backend, OpenReader, Patience
from themis.core.stores.reading import StoreLocation, StoreReader
from themis.core.text.canonical import canonical_json

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.stores.merging.report import MergeReport, Prefer
    from themis.core.stores.protocol import RunStore

ENTRY_POINT_GROUP = "themis.stores"

PATIENCE_S = BUSY_TIMEOUT_S

StoreBuilder = Callable[["StorageConfig"], "RunStore"]

_BUILT_IN = {kind: f"themis.core.stores.{kind}.backend" for kind in ("memory", "postgres", "sqlite")}
_PRELOADED = ("memory", "sqlite")
_registered: dict[str, Backend] = {}


def register_store_backend(name: str, builder: StoreBuilder, *, open_reader: OpenReader | None = None) -> None:
    """Register a kind of store: `storage.store: <name>` is then made by `builder` from the storage configuration.

    Other processes, such as a worker, must register it too; or install it under the entry-point group `themis.stores`.

    Args:
        name: name of the kind of store.
        builder: makes a store from the configuration, with secrets resolved; it must not make missing files or
            tables, see `RunStore.initialize`.
        open_reader: makes the reader of a store; by default the store itself is opened for reading.
    """
    _registered[name] = _of_builder(builder, open_reader)


def create_run_store(
    config: "StorageConfig", *, retry_attempts: int = 5, retry_delay_s: float = 0.01, must_exist: bool = False
) -> "RunStore":
    """Open the store that a configuration names, ready for use; with `must_exist` none is made.

    Raises:
        ConfigError: there is no such kind of store, or its parameters are invalid.
        StoreMissingError: it must exist, and does not.
        StoreError: it cannot be used.
    """
    patience = Patience(retry_attempts=retry_attempts, retry_delay_s=retry_delay_s)
    return _opened(config, patience, must_exist=must_exist)


def open_store(location: StoreLocation, patience: Patience | None = None, *, must_exist: bool = True) -> "RunStore":
    """Open the store at a location, ready for use; with `must_exist` none is made.

    Args:
        location: of the store.
        patience: the usual when it is None.
        must_exist: whether the store must be there already.

    Raises:
        StoreMissingError: it does not exist.
        StoreError: it cannot be used, or its kind is unknown to this process.
    """
    from themis.core.config import StorageConfig  # noqa: PLC0415  # its models cost 100 ms, and readers need none

    backend = _known(location)
    parameters = _parameters_of(backend, location)
    try:
        return _opened(
            StorageConfig(store=location.kind, parameters=parameters),
            patience or Patience(),
            must_exist=must_exist,
        )
    except ConfigError as error:
        raise StoreError(path=location.path, detail=str(error)) from error


def open_for_reading(location: StoreLocation, *, patience_s: float = PATIENCE_S) -> "RunStore":
    """Open the store at a location to read its runs; none is made, and it need not be writable.

    Raises:
        StoreMissingError: it does not exist.
        StoreError: it cannot be read, or its kind is unknown to this process.
    """
    backend = _known(location)
    if backend.open_for_reading is None:
        return open_store(location, Patience(patience_s, retry_attempts=0))
    store = backend.open_for_reading(location, patience_s)
    store.initialize()
    return store


def is_kept(config: "StorageConfig") -> bool:
    """Whether the store that a configuration names outlives this process, so that others can find it.

    Raises:
        ConfigError: there is no such kind of store.
    """
    return _of_config(config).outlives_process


def location_of(config: "StorageConfig") -> StoreLocation:
    """Return the location of the store that a configuration names, for other processes.

    Raises:
        ConfigError: there is no such kind of store, or its stores cannot be reached by other processes.
    """
    backend = _of_config(config)
    if not backend.outlives_process:
        detail = f"{config.store!r} cannot be reached by a worker in another process; use sqlite to submit"
        raise ConfigError(where="storage.store", detail=detail)
    path_of = backend.path_of or canonical_json
    return StoreLocation(config.store, path_of(config.parameters))


def reader_of(location: StoreLocation, *, patience_s: float = PATIENCE_S) -> StoreReader:
    """Make the reader of the store at a location; nothing is opened before it is first used.

    Raises:
        StoreError: stores of that kind cannot be read by other processes.
    """
    backend = _known(location)
    if backend.open_reader is not None:
        return backend.open_reader(location, patience_s)
    from themis.core.stores.store_as_reader import StoreAsReader  # noqa: PLC0415  # it needs the models

    return StoreAsReader(location, lambda: open_store(location, Patience(patience_s, retry_attempts=0)))


def merge_stores(
    files: Sequence[Path], into: StoreLocation, prefer: "Prefer | None", tell: Callable[[str], None]
) -> "MergeReport":
    """Merge the stores in SQLite files into the store at a location, which is made if it is not there.

    See `themis.core.stores.merging.port.StoreMerger.merge`.

    Raises:
        StoreError: a store cannot be used, or others cannot be merged into one of that kind.
    """
    open_merger, open_source = _known(into).open_merger, _known(StoreLocation("sqlite", "")).open_source
    if open_merger is None or open_source is None:
        detail = f"is a store of kind {into.kind!r}, into which no other can be merged"
        raise StoreError(path=into.path, detail=detail)
    with ExitStack() as stack:
        sources = [stack.enter_context(closing(open_source(file))) for file in files]
        return stack.enter_context(closing(open_merger(into))).merge(sources, prefer, tell)


def preload() -> None:
    """Import the kinds of store that need no other package: what this process has, those that it forks have too."""
    for backend in map(_BUILT_IN.__getitem__, _PRELOADED):
        import_module(backend)
        import_module(f"{backend.rpartition('.')[0]}.store")


def _opened(config: "StorageConfig", patience: Patience, *, must_exist: bool) -> "RunStore":
    from themis.core.configuration.secrets import resolve_references  # noqa: PLC0415  # readers need none

    backend = _of_config(config)
    parameters: dict[str, Any] = resolve_references(config.parameters, where="storage.parameters")
    store = backend.build(config.model_copy(update={"parameters": parameters}), patience)
    if must_exist and not store.is_there:
        raise StoreMissingError(path=store.label)
    store.initialize()
    return store


def _of_config(config: "StorageConfig") -> Backend:
    backend = _find(config.store)
    if backend is None:
        from themis.core.text.nearest import nearest_hint  # noqa: PLC0415  # difflib, for an error only

        hint = nearest_hint(config.store, {*_BUILT_IN, *_registered, *_installed()})
        raise ConfigError(where="storage.store", detail=f"no store {config.store!r}{hint}")
    if backend.check is not None:
        backend.check(config.parameters)
    return backend


def _known(location: StoreLocation) -> Backend:
    """Return the kind of the store at a location; raises StoreError if other processes cannot reach it."""
    backend = _find(location.kind)
    if backend is not None and backend.outlives_process:
        return backend
    if backend is None:
        detail = (
            f"is a store of kind {location.kind!r}, which no package here provides (entry points {ENTRY_POINT_GROUP})"
        )
    else:
        detail = f"is a store of kind {location.kind!r}, which no other process can read"
    raise StoreError(path=location.path, detail=detail)


def _find(name: str) -> Backend | None:
    if (known := _registered.get(name)) is not None:
        return known
    if name in _BUILT_IN:
        found: Backend = import_module(_BUILT_IN[name]).BACKEND
        return found
    return _installed_backend(name) if name in _installed() else None


@lru_cache(maxsize=1)
def _installed() -> frozenset[str]:
    """Return the kinds that installed packages name."""
    from importlib.metadata import entry_points  # noqa: PLC0415  # takes 20 ms, and only unknown names are searched for

    return frozenset(point.name for point in entry_points(group=ENTRY_POINT_GROUP))


@lru_cache
def _installed_backend(name: str) -> Backend:
    from importlib.metadata import entry_points  # noqa: PLC0415  # see above

    (point, *_) = entry_points(group=ENTRY_POINT_GROUP, name=name)
    try:
        return _of_builder(point.load(), None)
    except Exception as error:
        detail = f"{name!r} is {point.value}, which cannot be imported: {type(error).__name__}: {error}"
        raise ConfigError(where="storage.store", detail=detail) from error


def _of_builder(builder: StoreBuilder, open_reader: OpenReader | None) -> Backend:
    return Backend(lambda config, _: builder(config), open_reader)


def _parameters_of(backend: Backend, location: StoreLocation) -> dict[str, Any]:
    if backend.parameters_of is not None:
        return backend.parameters_of(location.path)
    try:
        found = json.loads(location.path)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise StoreError(path=location.path, detail=f"does not say where a store of kind {location.kind!r} is")
    return found
