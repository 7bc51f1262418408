"""Links between jobs and their dependents in memory."""

from collections.abc import Iterable, Mapping

from themis.core.stores.job_rows import JobRow
from themis.core.stores.memory.undo import Undo
from themis.core.stores.queues.dependents import CANCELLED, ENDED_STATES, NOT_BAD_STATES, WAITS, KeepsDependents, Owing


class InMemoryDependents(KeepsDependents):
    """Keeps the links between jobs for the lifetime of the object."""

    def __init__(self, undo: Undo) -> None:
        """Start without jobs."""
        self._undo = undo
        self._rows: dict[str, JobRow] = {}
        self._links: dict[tuple[str, int], tuple[str, ...]] = {}

    def load_each(self, keys: Iterable[str]) -> dict[str, JobRow]:
        """Return those of several jobs that exist, by key."""
        return {key: self._rows[key] for key in keys if key in self._rows}

    def link(self, key: str, before: Iterable[str], marks: Mapping[str, int]) -> None:
        """Replace the links of a job to its predecessors, and set their marks."""
        with self._undo.transaction():
            for predecessor in {*before, *marks}:
                for mark in (WAITS, CANCELLED):
                    left = tuple(one for one in self._links.get((predecessor, mark), ()) if one != key)
                    self._undo.put(self._links, (predecessor, mark), left)
            for predecessor, mark in marks.items():
                if (row := self._rows.get(predecessor)) is not None:
                    self._undo.put(self._links, (predecessor, mark), (*self._links[predecessor, mark], key))
                    self._put(row._replace(awaited=row.awaited | mark))

    def owing(self, queue_id: str, limit: int) -> list[Owing]:
        """Return the first predecessors in a queue for whose dependents something is to be done."""
        return [
            Owing(row, mark)
            for mark, states in ((WAITS, ENDED_STATES), (CANCELLED, NOT_BAD_STATES))
            for row in self._awaited(queue_id, states, mark)[:limit]
        ]

    def awaited(self, queue_id: str, state: str, limit: int) -> list[JobRow]:
        """Return the first jobs of a queue in a state that other jobs wait for."""
        return self._awaited(queue_id, (state,), WAITS)[:limit]

    def dependents(self, key: str, mark: int, limit: int, *, skip: int = 0) -> list[JobRow]:
        """Return the first dependents, but for `skip`, that a job has links of that mark to, in order of submission."""
        return [self._rows[one] for one in self._links.get((key, mark), ())[skip : skip + limit]]

    def unmark(self, key: str, mark: int) -> None:
        """Remove a mark from a job that has no link of it any more."""
        with self._undo.transaction():
            row = self._rows.get(key)
            if row is not None and not self._links.get((key, mark)):
                self._put(row._replace(awaited=row.awaited & ~mark))

    def _awaited(self, queue_id: str, states: tuple[str, ...], mark: int) -> list[JobRow]:
        rows = self._rows.values()
        return [row for row in rows if row.awaited & mark and row.queue_id == queue_id and row.state in states]

    def _put(self, row: JobRow) -> None:
        self._undo.put(self._rows, row.key, row)
