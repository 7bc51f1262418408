"""SQLite file as a kind of store, located by its path."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core.stores.backend import Backend, Patience, made
from themis.core.stores.sqlite.reader import SqliteReader

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.stores.sqlite.store import SqliteRunStore


def _build(config: "StorageConfig", patience: Patience) -> "SqliteRunStore":
    from themis.core.stores.sqlite.store import SqliteRunStore  # noqa: PLC0415  # its models cost 100 ms

    return made(SqliteRunStore, config.parameters, **patience._asdict())


def _path_of(parameters: Mapping[str, Any]) -> str:
    return str(Path(str(parameters["path"])).absolute())


def _parameters_of(path: str) -> dict[str, Any]:
    return {"path": path}


BACKEND = Backend(_build, SqliteReader, _path_of, _parameters_of)
