"""Postgres database as a kind of store, located by its address, which is a reference where it holds a password."""

import importlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from themis.core.configuration.secrets import resolve_references
from themis.core.errors import ConfigError, StoreError
from themis.core.stores.backend import Backend, Patience
from themis.core.stores.postgres.address import WHERE, refuse_literal_password
from themis.core.stores.reading import StoreLocation, StoreReader

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.stores.merging.port import StoreMerger
    from themis.core.stores.protocol import RunStore

_URL = "url"


def _build(config: "StorageConfig", patience: Patience) -> "RunStore":
    return _store(_url_in(config.parameters), patience.busy_timeout_s)


def _open_for_reading(location: StoreLocation, patience_s: float) -> "RunStore":
    return _store(_url_at(location), patience_s, read_only=True)


def _open_reader(location: StoreLocation, patience_s: float) -> StoreReader:
    url = _url_at(location)
    reader: StoreReader = _loaded("reader").PostgresReader(location, url, patience_s)
    return reader


def _open_merger(location: StoreLocation) -> "StoreMerger":
    url = _url_at(location)
    merger: StoreMerger = _loaded("merging").open_merger(url)
    return merger


def _store(url: str, busy_timeout_s: float, *, read_only: bool = False) -> "RunStore":
    store: RunStore = _loaded("store").PostgresRunStore(url, busy_timeout_s=busy_timeout_s, read_only=read_only)
    return store


def _loaded(module: str) -> Any:
    """Return a module of this folder that needs the client library, which takes a moment and may be missing."""
    try:
        importlib.import_module("psycopg")
    except ImportError:
        detail = "a store in Postgres needs the package psycopg: pip install 'themis-eval[postgres]'"
        raise StoreError(path="storage.store", detail=detail) from None
    return importlib.import_module(f"themis.core.stores.postgres.{module}")


def _check(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters, as they are written, that are invalid or hold a password."""
    refuse_literal_password(_url_in(parameters))


def _url_in(parameters: Mapping[str, Any]) -> str:
    url = parameters.get(_URL)
    if not isinstance(url, str) or not url:
        detail = "is the address of a Postgres database, or a reference to it, such as env:THEMIS_DATABASE_URL"
        raise ConfigError(where=WHERE, detail=detail)
    if len(parameters) > 1:
        other = next(name for name in parameters if name != _URL)
        raise ConfigError(where=f"storage.parameters.{other}", detail="a store in Postgres has one parameter, url")
    return url


def _url_at(location: StoreLocation) -> str:
    label = location.path
    try:
        parameters = json.loads(location.path)
        label = str(parameters.get(_URL) or label)
        return _url_in(resolve_references(parameters, where="storage.parameters"))
    except (ValueError, AttributeError) as error:  # a ConfigError is a ValueError
        detail = str(error) if isinstance(error, ConfigError) else "does not say where a store in Postgres is"
        raise StoreError(path=label, detail=detail) from error


BACKEND = Backend(_build, _open_reader, open_for_reading=_open_for_reading, check=_check, open_merger=_open_merger)
