"""Kind of store, for the registry: making a store, its location, and its reader."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from themis.core.errors import ConfigError

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.stores.merging.port import OpenSource, StoreMerger
    from themis.core.stores.protocol import RunStore
    from themis.core.stores.reading import StoreLocation, StoreReader

BUSY_TIMEOUT_S = 30.0
"""Default number of seconds to wait for a store that another process keeps locked."""


class Patience(NamedTuple):
    """Limits on waiting for a busy store.

    Attributes:
        busy_timeout_s: seconds to wait at first.
        retry_attempts, retry_delay_s: number of retries after that, and the seconds between them.
    """

    busy_timeout_s: float = BUSY_TIMEOUT_S
    retry_attempts: int = 5
    retry_delay_s: float = 0.01


OpenReader = Callable[["StoreLocation", float], "StoreReader"]
"""Makes the reader of the store at a location, which waits that number of seconds for a busy store."""


class Backend(NamedTuple):
    """Kind of store.

    Attributes:
        build: makes a store from its configuration; nothing is opened before it is first used.
        open_reader: makes a reader of a store; None where the store itself is read, see `StoreAsReader`.
        path_of: returns the text of a store's location from its parameters; None where it is the parameters as JSON.
        parameters_of: returns the parameters from that text.
        outlives_process: whether other processes can find its stores.
        open_for_reading: opens a store that is only read; None where it is opened as for writing.
        check: raises a ConfigError for parameters, as they are written, that no store can have; secrets in them are
            references.
        open_merger: opens the store at a location to merge others into it; None where that is not possible.
        open_source: opens a file to merge it into another store; None where its stores are not files.
    """

    build: Callable[["StorageConfig", Patience], "RunStore"]
    open_reader: OpenReader | None = None
    path_of: Callable[[Mapping[str, Any]], str] | None = None
    parameters_of: Callable[[str], dict[str, Any]] | None = None
    outlives_process: bool = True
    open_for_reading: Callable[["StoreLocation", float], "RunStore"] | None = None
    check: Callable[[Mapping[str, Any]], None] | None = None
    open_merger: "Callable[[StoreLocation], StoreMerger] | None" = None
    open_source: "OpenSource | None" = None


Store = TypeVar("Store")


def made(kind: Callable[..., Store], parameters: Mapping[str, Any], **more: Any) -> Store:
    """Make one of the built-in stores, with its parameters as arguments, and `more` that are not in the configuration.

    Raises:
        ConfigError: the parameters are invalid.
    """
    try:
        return kind(**{**parameters, **more})
    except TypeError as error:
        raise ConfigError(where="storage.parameters", detail=str(error).partition(") ")[2] or str(error)) from None
