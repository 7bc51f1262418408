"""SQLite file as a kind of store, located by its path."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core.errors import ConfigError
from themis.core.stores.backend import Backend, Patience, made
from themis.core.stores.reading import StoreLocation
from themis.core.stores.sqlite.reader import SqliteReader

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.stores.merging.port import MergeSource, StoreMerger
    from themis.core.stores.sqlite.store import SqliteRunStore


_SHARED = "group_readable"


def _build(config: "StorageConfig", patience: Patience) -> "SqliteRunStore":
    from themis.core.stores.sqlite.store import SqliteRunStore  # noqa: PLC0415  # its models cost 100 ms

    parameters = dict(config.parameters)
    is_shared = parameters.pop(_SHARED, False)
    if not isinstance(is_shared, bool):
        raise ConfigError(where=f"storage.parameters.{_SHARED}", detail=f"is true or false, not {is_shared!r}")
    if not is_shared:
        return made(SqliteRunStore, parameters, **patience._asdict())
    from themis.core.stores.sqlite.opening import GroupReadableStore  # noqa: PLC0415  # few need it

    return made(GroupReadableStore, parameters, **patience._asdict())


def _path_of(parameters: Mapping[str, Any]) -> str:
    return str(Path(str(parameters["path"])).absolute())


def _parameters_of(path: str) -> dict[str, Any]:
    return {"path": path}


def _open_for_reading(location: StoreLocation, patience_s: float) -> "SqliteRunStore":
    from themis.core.stores.sqlite.opening import ReadOnlySqliteStore  # noqa: PLC0415  # as above

    return ReadOnlySqliteStore(location.path, busy_timeout_s=patience_s)


def _open_merger(location: StoreLocation) -> "StoreMerger":
    from themis.core.stores.sqlite.merging.target import open_merger  # noqa: PLC0415  # one command needs it

    return open_merger(Path(location.path))


def _open_source(path: Path) -> "MergeSource":
    from themis.core.stores.sqlite.merging.source import SqliteSource  # noqa: PLC0415  # as above

    return SqliteSource(path)


BACKEND = Backend(
    _build,
    SqliteReader,
    _path_of,
    _parameters_of,
    open_for_reading=_open_for_reading,
    open_merger=_open_merger,
    open_source=_open_source,
)
