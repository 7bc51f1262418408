"""Dependents of jobs: the part of a store's port that says which jobs have to hear of another one's end.

A job runs after its predecessors; it is a dependent of each of them. A link leads from a predecessor to a dependent,
and has a mark: the dependent waits for it (`WAITS`), or was cancelled because of it (`CANCELLED`). A predecessor's row
has the marks of its links in `awaited`, so that those for which something is to be done are found at once, however
many jobs there are: one that has ended and is waited for, and one that is not in a bad end state (any more) and has
cancelled dependents.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from themis.core.stores.job_rows import JobRow

WAITS = 1
CANCELLED = 2

HELD_NS = 9_000_000_000_000_000_000
"""Time that a job which waits for others has in place of its own (in the year 2255): it never comes."""

ENDED_STATES = ("done", "failed", "cancelled")
NOT_BAD_STATES = ("queued", "running", "done")


class Owing(NamedTuple):
    """Predecessor and mark of its links to dependents for which something is to be done."""

    row: JobRow
    mark: int


class KeepsDependents(Protocol):
    """Keeps the links between jobs, in the same transactions as jobs.

    Every method may raise a `StoreError`.
    """

    def load_each(self, keys: Iterable[str]) -> dict[str, JobRow]:
        """Return those of several jobs that exist, by key; inside a transaction, nobody changes them before its end."""

    def link(self, key: str, before: Iterable[str], marks: Mapping[str, int]) -> None:
        """Replace the links of a job to its predecessors, and set their marks, in a transaction of the caller.

        Args:
            key: the dependent.
            before: all predecessors that it may be linked to.
            marks: the mark of each link that it has from now on, by predecessor.
        """

    def owing(self, queue_id: str, limit: int) -> list[Owing]:
        """Return the first predecessors in a queue for whose dependents something is to be done."""

    def awaited(self, queue_id: str, state: str, limit: int) -> list[JobRow]:
        """Return the first jobs of a queue in a state that other jobs wait for."""

    def dependents(self, key: str, mark: int, limit: int, *, skip: int = 0) -> list[JobRow]:
        """Return the first dependents, but for `skip`, that a job has links of that mark to, in order of submission."""

    def unmark(self, key: str, mark: int) -> None:
        """Remove a mark from a job that has no link of it any more."""
