"""Port between a source and the database that it is merged into: makes the rows of the one visible to the other."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from themis.core.stores.merging.port import MergeSource


class Bridge(Protocol):
    """Rows of a source, as relations of the target's connection: `src_outcomes`, `src_cases`, `src_judge_calls`."""

    def check(self, source: MergeSource) -> None:
        """Check that a source is not the target itself, before anything is written.

        Raises:
            InputError: it is.
        """

    def using(self, source: MergeSource) -> AbstractContextManager[None]:
        """Open a block in which the rows are those of a source."""

    def add_texts(self, tell: Callable[[int], None]) -> None:
        """Add all long texts of the source that the target does not have, in parts that are each committed.

        Texts come before the rows that refer to them: whatever is interrupted, no row refers to a missing one.

        Args:
            tell: is called with the number of those that each part added.
        """

    def bring(self, run_no: int, first: int, stop: int) -> None:
        """Make sure, within a transaction, that the rows of a stretch of a run's cases are there.

        Args:
            run_no: the run's number in the source.
            first: number of the first case.
            stop: number after that of the last one.
        """
