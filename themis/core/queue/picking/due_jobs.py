"""Due jobs in `waiting/`: those whose time has come, and those that wait because a clock was wrong.

The first stand in the names. The others only their rows can tell, so of what waits each is looked into once: again only
when this machine's clock was set back, which is when more of them come about.
"""

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from themis.core.errors import StoreError
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, readiness

Due = Callable[[AbstractSet[str], int], set[str]]
"""Those of the names in `waiting/` that may be claimed at a time."""

LOOKED_INTO = 64
"""As many rows are read for one listing: there may be very many that wait for good reason."""


def due_by_name(names: AbstractSet[str], now_ns: int) -> set[str]:
    """Those whose time has come by what they say; one that is no job's name is among them, to be rejected."""
    now = layout.stamp(now_ns)
    return {name for name in names if name <= now or not name[0].isdigit()}


class Waits:
    """Knowledge of the files in `waiting/`."""

    def __init__(self, root: QueueRoot, registry: StoreRegistry) -> None:
        """Nothing yet, of the queue `root`, whose jobs are in the stores of `registry`."""
        self._root = root
        self._registry = registry
        self._believed: set[str] = set()
        self._misdated: set[str] = set()
        self._ahead_ns = self._clock_ahead_ns()

    def due(self, names: AbstractSet[str], now_ns: int) -> set[str]:
        """Those of the names that may be claimed."""
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
        """Forget what is there no longer, and, as the clock was set back, what was believed."""
        ahead_ns, before_ns = self._clock_ahead_ns(), self._ahead_ns
        if before_ns - ahead_ns > readiness.CLOCKS_DIFFER_NS:
            self._believed.clear()
        self._ahead_ns = ahead_ns
        self._believed &= late
        self._misdated &= late

    @staticmethod
    def _clock_ahead_ns() -> int:
        """Lead of the clock over the one that nobody can set, in nanoseconds."""
        return time.time_ns() - time.monotonic_ns()
