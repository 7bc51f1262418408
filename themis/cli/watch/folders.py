"""What the names of a queue's files tell whoever looks on."""

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from themis.core.queue import layout
from themis.core.queue.layout import Entry
from themis.core.queue.listing import names_by_folder

AHEAD = 500
"""As many of the next jobs are looked at; what comes after them is only counted."""

_SHARE = 0.05

Value = TypeVar("Value")


class Sparingly(Generic[Value]):
    """A value that takes long to find out, and is found anew only as often as a twentieth of the time allows."""

    def __init__(self, find: Callable[[], Value]) -> None:
        """Nothing is looked for yet."""
        self._find = find
        self._found: list[Value] = []
        self._old_at = 0.0

    def get(self) -> Value:
        """The value, as it was a short while ago."""
        began_s = time.monotonic()
        if not self._found or began_s >= self._old_at:
            self._found = [self._find()]
            now_s = time.monotonic()
            self._old_at = now_s + (now_s - began_s) / _SHARE
        return self._found[0]


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a queue.

    Attributes:
        counts: files by state, and of those that were rejected.
        claimed: jobs in somebody's hands.
        queued: the next that may be taken, in order; see `AHEAD`.
        waiting: the next that may not be taken yet, in order.
        last_waiting: the one that may be taken last.
    """

    counts: dict[str, int] = field(default_factory=dict)
    claimed: list[Entry] = field(default_factory=list)
    queued: list[Entry] = field(default_factory=list)
    waiting: list[Entry] = field(default_factory=list)
    last_waiting: Entry | None = None


def read_folders(root: Path) -> Folders:
    """List each folder once; one that is not there is empty."""
    names = names_by_folder(root)
    counts = {state: len(names[folder]) for state, folder in layout.SHOWN_STATES.items()}
    counts["rejected"] = len(names[layout.REJECTED])
    now = layout.stamp(time.time_ns())
    due = [name for name in names[layout.WAITING] if name <= now]
    queued = _first(layout.QUEUED, names[layout.QUEUED]) + _first(layout.WAITING, due)
    later = [name for name in names[layout.WAITING] if name > now]
    last = layout.parse(layout.WAITING, max(later)) if later else None
    return Folders(
        counts,
        _first(layout.CLAIMED, names[layout.CLAIMED]),
        sorted(queued, key=layout.order)[:AHEAD],
        _first(layout.WAITING, later),
        last,
    )


def _first(folder: str, names: list[str]) -> list[Entry]:
    entries = (layout.parse(folder, name) for name in heapq.nsmallest(AHEAD, names))
    return [entry for entry in entries if entry is not None]
