"""The next jobs, by name: one listing of the folders serves many claims."""

import heapq
import os
import random
import threading
import time
from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout, ordering
from themis.core.queue.model.layout import Entry
from themis.core.queue.picking.due_jobs import Due, due_by_name
from themis.core.queue.picking.skipped_jobs import SkippedJobs

WINDOW_NAMES = 4_096
"""As many names are kept of one listing."""

LISTING_SHARE = 0.02
"""No more than this part of the time goes into listing, however long the queue is."""

SETTLED_NS = 3_000_000_000
"""A folder that was listed so long after its last change has not changed since while its time of change is the same:
that is kept in steps, of milliseconds as a rule, of two seconds on the coarsest filesystem."""

_RESCAN_LOCAL_S = 1.5
_RESCAN_SHARED_S = 15.0  # a listing goes over the network, and to a server that others ask too


def rescan_s(root: QueueRoot) -> float:
    """Default number of seconds between scans of a queue's folders."""
    return _RESCAN_SHARED_S if root.shared else _RESCAN_LOCAL_S


@dataclass(frozen=True, slots=True)
class _Listing:
    """Content of a folder.

    Attributes:
        names: of its files.
        changed: another one once it has changed.
    """

    names: frozenset[str]
    changed: tuple[int, int]


class ListingCache:
    """The first names of `queued/`, and of those in `waiting/` that are due, in the order of claiming.

    It ages: others claim too, and a new job may go before all that is listed. Nothing depends on its being fresh, as
    a claim begins with opening the file that a name says.
    """

    def __init__(self, root: QueueRoot, skipped: SkippedJobs, rescan_s: float, due: Due = due_by_name) -> None:
        """An empty cache of what `root` lists, but for `skipped`, that is old after about `rescan_s` seconds.

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
        """Something may have changed in the folders: fill it again at the next claim."""
        self._old_at = 0.0

    def next(self) -> Entry | None:
        """The next name, which is then no longer in it; None when it is empty."""
        with self._guard:
            return self._entries.popleft() if self._entries else None

    def fill(self, now_ns: int, passed_over: AbstractSet[str] = frozenset()) -> None:
        """Start over with what the folders hold, without the names that this claim has already passed over."""
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
            # A name that nobody gave is a job too: of the first priority, to be rejected.
            layout.parse(folder, name) or Entry(folder, name, key="")
            for folder, names in ((layout.QUEUED, queued), (layout.WAITING, due))
            for name in heapq.nsmallest(WINDOW_NAMES, names.difference(self._skipped.reasons, passed_over))
        ]
        return sorted(entries, key=ordering.claim_order)[:WINDOW_NAMES]

    def _names(self, folder: str) -> frozenset[str]:
        """The names in a folder, which is listed only if it may have changed: ten thousand that are to be left cost."""
        path = self._root.folder(folder)
        now_ns, changed = time.time_ns(), self._changed(path)
        known = self._listings.get(folder)
        if known is not None and known.changed == changed:
            return known.names
        # What begins with a dot is being copied here by a tool that will rename it, or is not ours.
        names = frozenset(name for name in os.listdir(path) if name[0] != ".")  # noqa: PTH208  # very many
        self._listings.pop(folder, None)
        if changed is not None and now_ns - changed[1] >= SETTLED_NS:
            self._listings[folder] = _Listing(names, changed)
        return names

    def _changed(self, path: str) -> tuple[int, int] | None:
        """Time of a folder's last change, by the clock that nobody can set; None when it cannot be told."""
        if self._root.shared:  # another host's clock gives the time, and a cache may hide it
            return None
        found = os.stat(path)  # noqa: PTH116  # at every look
        return found.st_ino, found.st_ctime_ns
