"""Moves of dependents in a queue of rows."""

from themis.core.queue.rows import moves
from themis.core.queue.rows.moves import Move
from themis.core.queue.rows.queue_store import QueueStore, event
from themis.core.queue.transitions import dependents
from themis.core.queue.transitions.dependents import Looked, Resolution
from themis.core.stores.job_rows import JobRow
from themis.core.stores.job_store import JobStore
from themis.core.stores.queues.port import JobEvent


class DependentRows:
    """Moves the dependents of a queue for which something is to be done."""

    def __init__(self, there: QueueStore) -> None:
        """Make a mover for a queue."""
        self._there = there

    def look(self) -> Looked:
        """Move dependents, as many at once as `dependents.look` does.

        Raises:
            StoreError: the store cannot be used.
        """
        return dependents.look(self._there.jobs, self._there.queue_id, self._make)

    def _make(self, store: JobStore, row: JobRow) -> bool:
        del store
        found = Resolution(self._there.jobs, self._there.now_ns(fresh=False))

        def told(after: JobRow) -> JobEvent:
            return event(found.name, after, why=after.message if found.name == "cancel" else None)

        move = Move(found.decide, told, also=found.write_links)
        return moves.make(self._there, row.fence, move) is not None
