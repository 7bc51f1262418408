"""Listing cache of the next jobs, by name: one listing of the folders serves many claims."""

import heapq
import os
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout, ordering, predecessors
from themis.core.queue.model.layout import Entry
from themis.core.queue.picking.due_jobs import Due, due_by_name
from themis.core.queue.picking.skipped_jobs import SkippedJobs

WINDOW_NAMES = 4_096
"""Number of names that are kept of one listing."""

LISTING_SHARE = 0.02
"""Largest part of the time that goes into listing, however long the queue is."""

SETTLED_NS = 3_000_000_000
"""Age at which a folder's time of change is reliable: nothing changes after a later listing without a new time.

Times of change have steps, of milliseconds as a rule, of two seconds on the coarsest filesystem.
"""

_RESCAN_LOCAL_S = 1.5
_RESCAN_SHARED_S = 15.0  # a listing goes over the network, to a server that others use too


def rescan_s(root: QueueRoot) -> float:
    """Return the default number of seconds between listings of a queue's folders."""
    return _RESCAN_SHARED_S if root.shared else _RESCAN_LOCAL_S


@dataclass(frozen=True, slots=True)
class _Listing:
    """Listing of a folder.

    Attributes:
        names: names of its files.
        changed: a value that differs once the folder has changed.
    """

    names: frozenset[str]
    changed: tuple[int, int]


class ListingCache:
    """First names of `queued/`, and of the due ones in `waiting/`, in the order of claiming.

    The cache ages: others claim too, and a new job may go before all that is listed. Nothing depends on its being
    current, as a claim begins by opening the file of a name.
    """

    def __init__(self, root: QueueRoot, skipped: SkippedJobs, rescan_s: float, due: Due = due_by_name) -> None:
        """Make an empty cache of the listings of `root`, without `skipped`, that is old after about `rescan_s` seconds.

        `due` says which of the names in `waiting/` may be claimed.
        """
        self._root = root
        self._due = due
        self._skipped = skipped
        self._rescan_s = rescan_s
        self._entries: deque[Entry] = deque()
        self._listings: dict[str, _Listing] = {}
        self._old_at = 0.0
        self._guard = threading.Lock()

    def is_old(self) -> bool:
        """Whether it should be filled again though it is not empty."""
        return time.monotonic() >= self._old_at

    def wake(self) -> None:
        """Discard the listing, as something may have changed: it is filled again at the next claim."""
        self._old_at = 0.0

    def next(self) -> Entry | None:
        """Remove and return the next name; None when the cache is empty."""
        with self._guard:
            return self._entries.popleft() if self._entries else None

    def put_back(self, entries: Sequence[Entry]) -> None:
        """Put names that were removed and not claimed before all others, in their order."""
        with self._guard:
            self._entries.extendleft(reversed(entries))

    def fill(self, now_ns: int, passed_over: AbstractSet[str] = frozenset()) -> None:
        """Fill the cache from the folders, without the names that this claim has already tried."""
        began_s = time.monotonic()
        entries = self._listed(now_ns, passed_over)
        with self._guard:
            self._entries = deque(entries)
        now_s = time.monotonic()
        fresh_s = self._rescan_s * random.uniform(0.6, 1.0)  # noqa: S311  # jitter
        self._old_at = now_s + max(fresh_s, (now_s - began_s) / LISTING_SHARE if self._rescan_s else 0.0)

    def _listed(self, now_ns: int, passed_over: AbstractSet[str]) -> list[Entry]:
        queued, waiting = self._names(layout.QUEUED), self._names(layout.WAITING)
        self._skipped.keep(queued, waiting)
        due = self._due(waiting, now_ns)
        entries = [
            # A name in another format is a job too: of the first priority, to be rejected.
            layout.parse(folder, name) or Entry(folder, name, key="")
            for folder, names in ((layout.QUEUED, queued), (layout.WAITING, due))
            for name in heapq.nsmallest(WINDOW_NAMES, names.difference(self._skipped.reasons, passed_over))
        ]
        return sorted(entries, key=ordering.claim_order)[:WINDOW_NAMES]

    def _names(self, folder: str) -> frozenset[str]:
        """Return the names in a folder, listed only if it may have changed: ten thousand skipped jobs take time."""
        path = self._root.folder(folder)
        now_ns, changed = time.time_ns(), self._changed(path)
        known = self._listings.get(folder)
        if known is not None and known.changed == changed:
            return known.names
        # A file with a leading dot is being copied by a tool that will rename it, or belongs to another program.
        # One that waits for other jobs has no place in the order until it is released.
        passed = (".", predecessors.HELD_STAMP) if folder == layout.WAITING else "."
        names = frozenset(name for name in os.listdir(path) if not name.startswith(passed))  # noqa: PTH208  # very many
        self._listings.pop(folder, None)
        if changed is not None and now_ns - changed[1] >= SETTLED_NS:
            self._listings[folder] = _Listing(names, changed)
        return names

    def _changed(self, path: str) -> tuple[int, int] | None:
        """Return a value that changes with a folder, from the time of it that no program can set; None when unknown."""
        if self._root.shared:  # another host's clock gives the time, and a cache may hide it
            return None
        found = os.stat(path)  # noqa: PTH116  # at every claim
        return found.st_ino, found.st_ctime_ns
