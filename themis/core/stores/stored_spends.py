"""Spends of a stored run's executions, read from the store on first use."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunStore


class StoredSpends(Mapping[int, str]):
    """Spend of each execution of a run by its number, as of the first use; see `themis.core.cost.spend`."""

    def __init__(self, store: "RunStore", run_id: str) -> None:
        """Make the mapping for a run in `store`; nothing is read yet."""
        self._store = store
        self._run_id = run_id
        self._found: dict[int, str] | None = None

    def __getitem__(self, execution: int) -> str:
        """Return the spend of one execution."""
        return self._read()[execution]

    def __iter__(self) -> Iterator[int]:
        """Iterate over the numbers of the executions, in order."""
        return iter(self._read())

    def __len__(self) -> int:
        """Count the executions that asked a model."""
        return len(self._read())

    def _read(self) -> dict[int, str]:
        if self._found is None:
            self._found = self._store.spends(self._run_id)
        return self._found
