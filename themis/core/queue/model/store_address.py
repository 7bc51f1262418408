"""Address of a results store, as jobs and the queue's folder name it."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from themis.core.stores.reading import StoreLocation
from themis.core.text.canonical import canonical_json


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Address of a results store, and the id that the store there must have.

    Attributes:
        kind: kind of store, such as `sqlite`.
        path: absolute path of its file; for a store that is not a file, its parameters as JSON, see `StoreLocation`.
        id: its `store_id`.
    """

    kind: str
    path: str
    id: str

    @property
    def location(self) -> StoreLocation:
        """Location of the store, without its id."""
        return StoreLocation(self.kind, self.path)

    @property
    def paths(self) -> tuple[str, ...]:
        """Absolute paths of its files; empty for a store that is not a file on this machine."""
        return tuple(value for value in self._texts() if os.path.isabs(value))  # noqa: PTH117  # text in, text out

    def moved(self, new_path: Callable[[str], str]) -> "StoreAddress":
        """Return the address of the same store with each of those paths replaced."""
        if os.path.isabs(self.path):  # noqa: PTH117  # text in, text out
            return replace(self, path=new_path(self.path))
        known = self.paths
        now = {n: new_path(v) if v in known else v for n, v in self._parameters().items()}
        return self if not known else replace(self, path=canonical_json(now))

    def _texts(self) -> list[str]:
        if os.path.isabs(self.path):  # noqa: PTH117  # text in, text out
            return [self.path]
        return [value for value in self._parameters().values() if isinstance(value, str)]

    def _parameters(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
