"""The next jobs, by name: one listing of the folders serves many claims."""

import heapq
import os
import random
import threading
import time
from collections import deque
from collections.abc import Set as AbstractSet

from themis.core.queue import layout
from themis.core.queue.layout import Entry
from themis.core.queue.refusals import Refusals
from themis.core.queue.root import QueueRoot

WINDOW_NAMES = 4_096
"""As many names are kept of one listing."""

LISTING_SHARE = 0.02
"""No more than this part of the time goes into listing, however long the queue is."""

_RESCAN_LOCAL_S = 1.5
_RESCAN_SHARED_S = 15.0  # a listing goes over the network, and to a server that others ask too


def rescan_s(root: QueueRoot) -> float:
    """How many seconds may pass between looks into a queue's folders, where nobody says otherwise."""
    return _RESCAN_SHARED_S if root.shared else _RESCAN_LOCAL_S


class Window:
    """The first names of `queued/`, and of those in `waiting/` that are due, in the order of claiming.

    It ages: others claim too, and a new job may go before all that is listed. Nothing depends on its being fresh, as
    a claim begins with opening the file that a name says.
    """

    def __init__(self, root: QueueRoot, refusals: Refusals, rescan_s: float) -> None:
        """An empty window on `root`, but for `refusals`, that is old after about `rescan_s` seconds."""
        self._root = root
        self._refusals = refusals
        self._rescan_s = rescan_s
        self._entries: deque[Entry] = deque()
        self._old_at = 0.0
        self._guard = threading.Lock()

    def is_old(self) -> bool:
        """Whether it should be filled anew though it is not empty."""
        return time.monotonic() >= self._old_at

    def wake(self) -> None:
        """Something may have changed in the folders: fill it anew at the next claim."""
        self._old_at = 0.0

    def next(self) -> Entry | None:
        """The next name, which is then no longer in it; None when it is empty."""
        with self._guard:
            return self._entries.popleft() if self._entries else None

    def fill(self, now_ns: int, passed_over: AbstractSet[str] = frozenset()) -> None:
        """List the folders anew, without the names that this claim has already passed over."""
        began_s = time.monotonic()
        entries = self._listed(now_ns, passed_over)
        with self._guard:
            self._entries = deque(entries)
        now_s = time.monotonic()
        fresh_s = self._rescan_s * random.uniform(0.6, 1.0)  # noqa: S311  # jitter
        self._old_at = now_s + max(fresh_s, (now_s - began_s) / LISTING_SHARE if self._rescan_s else 0.0)

    def _listed(self, now_ns: int, passed_over: AbstractSet[str]) -> list[Entry]:
        now = layout.stamp(now_ns)
        queued, waiting = self._names(layout.QUEUED), self._names(layout.WAITING)
        self._refusals.keep(queued, waiting)
        waiting = {name for name in waiting if name <= now or not name[0].isdigit()}
        entries = [
            # A name that nobody gave is a job too: of the first priority, to be rejected.
            layout.parse(folder, name) or Entry(folder, name, key="")
            for folder, names in ((layout.QUEUED, queued), (layout.WAITING, waiting))
            for name in heapq.nsmallest(WINDOW_NAMES, names.difference(self._refusals.reasons, passed_over))
        ]
        return sorted(entries, key=layout.order)[:WINDOW_NAMES]

    def _names(self, folder: str) -> set[str]:
        # What begins with a dot is being copied here by a tool that will rename it, or is none of ours.
        names = os.listdir(self._root.folder(folder))  # noqa: PTH208  # names are all that is needed, of very many
        return {name for name in names if name[0] != "."}
