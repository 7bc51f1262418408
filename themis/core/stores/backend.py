"""A kind of store, for the registry: how one is made, where it is, and how it is looked at."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from themis.core.errors import ConfigError

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.stores.protocol import RunStore
    from themis.core.stores.reading import StoreLocation, StoreReader

BUSY_TIMEOUT_S = 30.0
"""How long a store is waited for that another process keeps locked, where nobody says otherwise."""


class Patience(NamedTuple):
    """Time to wait for a store that others write to.

    Attributes:
        busy_timeout_s: how long at first.
        retry_attempts, retry_delay_s: how often, and after how many seconds, it is tried again after that.
    """

    busy_timeout_s: float = BUSY_TIMEOUT_S
    retry_attempts: int = 5
    retry_delay_s: float = 0.01


OpenReader = Callable[["StoreLocation", float], "StoreReader"]
"""Makes the reader of the store at a location, which waits for so many seconds for one that is busy."""


class Backend(NamedTuple):
    """A kind of store.

    Attributes:
        build: makes a store from its configuration; nothing is opened before it is first used.
        open_reader: makes a reader of a store; None where the store itself is read, see `StoreAsReader`.
        path_of: the text that says where a store is, from its parameters; None where the parameters say it as JSON.
        parameters_of: the parameters again, from that text.
        outlives_process: whether other processes find its stores.
    """

    build: Callable[["StorageConfig", Patience], "RunStore"]
    open_reader: OpenReader | None = None
    path_of: Callable[[Mapping[str, Any]], str] | None = None
    parameters_of: Callable[[str], dict[str, Any]] | None = None
    outlives_process: bool = True


Store = TypeVar("Store")


def made(kind: Callable[..., Store], parameters: Mapping[str, Any], **more: Any) -> Store:
    """A store of ours, whose parameters are its arguments, with `more` of them that no configuration gives.

    Raises:
        ConfigError: they do not fit.
    """
    try:
        return kind(**{**parameters, **more})
    except TypeError as error:
        raise ConfigError(where="storage.parameters", detail=str(error).partition(") ")[2] or str(error)) from None
