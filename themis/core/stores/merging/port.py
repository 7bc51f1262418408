"""Ports of a merge: a store that is read, and what merges stores into another."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from themis.core.stores.merging.report import MergeReport, Prefer
from themis.core.stores.run_locks import RunHolder


class MergeSource(Protocol):
    """Store whose rows are merged into another; it is never written."""

    @property
    def label(self) -> str:
        """Location of the store."""

    @property
    def store_id(self) -> str | None:
        """UUID of the store; None before a queue first used it."""

    def check(self) -> None:
        """Check that it can be merged.

        Raises:
            StoreError: it is not there, not a store, damaged, or of a newer version.
        """

    def is_in(self, path: Path) -> bool:
        """Whether it is the store in the file at `path`."""

    def rows(self, table: str, columns: Sequence[str], rest: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return rows of a table. What its version does not have is None, or is no row at all.

        Args:
            table: name of the table.
            columns: the columns.
            rest: the statement after the name of the table.
            params: values for its places.
        """

    def count_cases(self, run_no: int) -> tuple[int, int]:
        """Count the ended cases of a run, and those of them that failed."""

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Open a block in which `rows` always sees the same state."""

    def close(self) -> None:
        """Close it."""


class StoreMerger(Protocol):
    """Store that others are merged into."""

    def merge(self, sources: Sequence[MergeSource], prefer: Prefer | None, tell: Callable[[str], None]) -> MergeReport:
        """Merge what other stores keep into this one, in parts that are each committed.

        Repeating it changes nothing, and completes a merge that was interrupted.

        Args:
            sources: the other stores.
            prefer: whose results count where two differ; None refuses such a run.
            tell: is called with what is being done, in words.

        Raises:
            StoreError: the target cannot be written, or a source cannot be read; its subclasses say why.
        """

    def close(self) -> None:
        """Close the store."""


OpenSource = Callable[[Path], MergeSource]
"""Makes a source of the file at a path; nothing is opened yet."""
