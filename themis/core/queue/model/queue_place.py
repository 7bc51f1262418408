"""Place of a queue: a folder, or the rows of a results store, as command lines and configurations name it."""

import json
from dataclasses import dataclass
from pathlib import Path

from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT, IN_STORE, OWN_STORE, is_in_store
from themis.core.errors import ConfigError
from themis.core.stores.reading import StoreLocation
from themis.core.stores.registry import check_parameters
from themis.core.text.canonical import canonical_json

WHERE = "queue_root"

_KIND = "postgres"
_URL = "url"


@dataclass(frozen=True, slots=True)
class RowsPlace:
    """Place of a queue of rows.

    Attributes:
        reference: address of the results store that has them, as in `storage.parameters.url`: a reference such as
            `env:THEMIS_DATABASE_URL`, or an address without a password.
    """

    reference: str

    def __str__(self) -> str:
        """Return the text that names it again."""
        return f"{IN_STORE}{self.reference}"

    @property
    def location(self) -> StoreLocation:
        """Location of its store."""
        return StoreLocation(_KIND, canonical_json({_URL: self.reference}))


Place = Path | RowsPlace


def queue_place(given: "str | Place | None", own: StoreLocation | None = None) -> Place:
    """Return the place that a text names; None names the usual folder.

    Args:
        given: path of a folder, `store:` with the address of a results store, or `store`; a path is always a folder.
        own: location of the results store that `store` stands for; None where no experiment is known.

    Raises:
        ConfigError: there is no such store, it keeps no queue of rows, or the address holds a password.
    """
    if isinstance(given, RowsPlace):
        return given
    if not isinstance(given, str) or not is_in_store(given):
        return Path(given or DEFAULT_QUEUE_ROOT).absolute()
    if given != OWN_STORE:
        reference = given.removeprefix(IN_STORE)
        try:
            check_parameters(_KIND, {_URL: reference})
        except ConfigError as error:
            raise ConfigError(where=WHERE, detail=str(error.facts["detail"])) from None
        return RowsPlace(reference)
    if own is None:
        detail = "`store` is the store of an experiment; name it here, as in store:env:THEMIS_DATABASE_URL"
        raise ConfigError(where=WHERE, detail=detail)
    return place_in(own)


def place_in(location: StoreLocation) -> RowsPlace:
    """Return the place of the rows in a results store.

    Raises:
        ConfigError: stores of its kind keep no queue of rows.
    """
    if location.kind != _KIND:
        detail = f"a queue of rows needs a results store in Postgres, and storage.store is {location.kind}"
        raise ConfigError(where=WHERE, detail=detail)
    return RowsPlace(str(json.loads(location.path)[_URL]))
