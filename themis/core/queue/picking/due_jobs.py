"""Due jobs in `waiting/`: those whose time has come, and those that wait only because a clock was wrong.

The first are found by their names. The others only by their rows, so the row of each waiting job is read once, and
again only when this machine's clock was set back, which is when more of them appear.
"""

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from themis.core.errors import StoreError
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, readiness

Due = Callable[[AbstractSet[str], int], set[str]]
"""Function that returns those of the names in `waiting/` that may be claimed at a time."""

LOOKED_INTO = 64
"""Number of rows that are read for one listing: very many jobs may wait for good reason."""


def due_by_name(names: AbstractSet[str], now_ns: int) -> set[str]:
    """Return the names whose time has come; one that is not a job's name is included, to be rejected."""
    now = layout.stamp(now_ns)
    return {name for name in names if name <= now or not name[0].isdigit()}


class Waits:
    """Cache of facts about the files in `waiting/`."""

    def __init__(self, root: QueueRoot, registry: StoreRegistry) -> None:
        """Make an empty cache for the queue `root`, whose jobs are in the stores of `registry`."""
        self._root = root
        self._registry = registry
        self._believed: set[str] = set()
        self._misdated: set[str] = set()
        self._ahead_ns = self._clock_ahead_ns()

    def due(self, names: AbstractSet[str], now_ns: int) -> set[str]:
        """Return those of the names that may be claimed."""
        due = due_by_name(names, now_ns)
        soon = layout.stamp(now_ns + readiness.CLOCKS_DIFFER_NS)
        late = {name for name in names - due if name > soon}
        self._forget(late)
        for name in sorted(late - self._believed - self._misdated)[:LOOKED_INTO]:
            self._look_into(name, now_ns)
        return due | self._misdated

    def _look_into(self, name: str, now_ns: int) -> None:
        entry = layout.parse(layout.WAITING, name)
        try:
            found = None if entry is None else self._registry.find_exactly(entry.key)
        except (StoreError, OSError):
            return
        is_misdated = entry is None or (found is not None and readiness.is_misdated(found[1], now_ns))
        (self._misdated if is_misdated else self._believed).add(name)

    def _forget(self, late: AbstractSet[str]) -> None:
        """Forget files that are gone, and all facts after the clock was set back."""
        ahead_ns, before_ns = self._clock_ahead_ns(), self._ahead_ns
        if before_ns - ahead_ns > readiness.CLOCKS_DIFFER_NS:
            self._believed.clear()
        self._ahead_ns = ahead_ns
        self._believed &= late
        self._misdated &= late

    @staticmethod
    def _clock_ahead_ns() -> int:
        """Return by how much the clock is ahead of the monotonic one."""
        return time.time_ns() - time.monotonic_ns()
