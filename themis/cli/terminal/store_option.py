"""`--store`: the store that a command reads, as a file or by a reference to a Postgres database."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from themis.core.configuration.default_paths import DEFAULT_STORE_KIND
from themis.core.errors import ThemisError

if TYPE_CHECKING:
    from themis.core.config import StorageConfig
    from themis.core.stores.reading import StoreLocation

METAVAR = "FILE|postgres:REF"
REFERENCE = "REF is as in storage.parameters.url: env:NAME, secret://NAME, or an address without a password."

_POSTGRES = "postgres"
_ADDRESSES = ("postgres://", "postgresql://")


def storage_in(text: str) -> dict[str, Any] | None:
    """Return the storage that `postgres:REF`, or an address alone, stands for; None for the name of a file."""
    kind, sign, reference = text.partition(":")
    if text.startswith(_ADDRESSES):
        reference = text
    elif not sign or kind != _POSTGRES:
        return None
    return {"store": _POSTGRES, "parameters": {"url": reference}}


def store_named(storage: "StorageConfig") -> str | None:
    """Return the text by which `--store` names a store, the reverse of `storage_in`; None for one that it cannot name.

    A file is named by its path.
    """
    if storage.store == _POSTGRES:
        return f"{_POSTGRES}:{storage.parameters.get('url')}"
    path = storage.parameters.get("path")
    return path if isinstance(path, str) else None


def location_named(text: str) -> "StoreLocation":
    """Return the location of the store that a text names: the path of a SQLite file, or `postgres:REF`.

    Raises:
        ConfigError: it is not a reference to a database, or holds a password.
    """
    from themis.core.config import StorageConfig
    from themis.core.stores.reading import StoreLocation
    from themis.core.stores.registry import location_of

    storage = storage_in(text)
    if storage is None:
        return StoreLocation(DEFAULT_STORE_KIND, str(Path(text).absolute()))
    return location_of(StorageConfig(**storage))


class StoreName(click.ParamType["StoreLocation | None"]):
    """A store: the path of a SQLite file, or `postgres:REF`."""

    name = "store"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> "StoreLocation | None":
        """The location of the store that a text names.

        Raises:
            ConfigError: it is not a reference to a database, or holds a password; only a file when words are completed.
        """
        from themis.core.stores.reading import StoreLocation

        del param
        if isinstance(value, StoreLocation):
            return value
        try:
            return location_named(str(value))
        except ThemisError:
            if ctx is not None and ctx.resilient_parsing:
                return None  # while words are completed, nothing is said
            raise

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer files."""
        del ctx, param
        return [CompletionItem(incomplete, type="file")]
