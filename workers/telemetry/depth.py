"""How deep a queue is, and how long its jobs have stood there, from the names of their files alone.

It opens no store and holds nothing between two looks, so that any thread may look at any time.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from themis.core.queue import layout
from themis.core.queue.listing import names_by_folder

FRESH_S = 1.0
"""A look is good for so many seconds: who scrapes more often sees the same."""

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What is in a queue.

    Attributes:
        jobs: how many, by state.
        oldest_s: seconds for which the oldest job has been in a state, 0 where none is: in `queued` since it was
            submitted, in `waiting` since its time came, in `running` since it was claimed.
        rejected: how many files were rejected and still lie there.
    """

    jobs: dict[str, int] = field(default_factory=dict)
    oldest_s: dict[str, float] = field(default_factory=dict)
    rejected: int = 0


def look(queue_root: Path) -> QueueDepth:
    """The depth of the queue in a folder; nothing is in one that is not there.

    Raises:
        OSError: it cannot be read.
    """
    names = names_by_folder(queue_root)
    began_ns = {
        "queued": _first_stamp(layout.QUEUED, names[layout.QUEUED]),
        "waiting": _first_stamp(layout.WAITING, names[layout.WAITING]),
        "running": _first_change(queue_root / layout.CLAIMED, names[layout.CLAIMED]),
    }
    now_ns = time.time_ns()
    return QueueDepth(
        jobs={state: len(names[folder]) for state, folder in layout.SHOWN_STATES.items()},
        oldest_s={state: max(0, now_ns - (ns or now_ns)) / _NS for state, ns in began_ns.items()},
        rejected=len(names[layout.REJECTED]),
    )


class FreshLook:
    """`look`, no more often than every `FRESH_S`, however many ask at once.

    Args:
        look: takes the look.
        fresh_s: how long one is good for, in seconds.
    """

    def __init__(self, look: Callable[[], QueueDepth], fresh_s: float = FRESH_S) -> None:
        self._look = look
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._seen: QueueDepth | None = None
        self._until_s = float("-inf")

    def __call__(self) -> QueueDepth | None:
        """The last look; None when the queue cannot be read, which is not tried more often either."""
        with self._lock:
            if time.monotonic() >= self._until_s:
                self._seen = None
                with contextlib.suppress(OSError):
                    self._seen = self._look()
                self._until_s = time.monotonic() + self._fresh_s
            return self._seen


def _first_stamp(folder: str, names: list[str]) -> int | None:
    """The earliest time in the names of `queued` or `waiting`. To parse them all would take 0.2 s for 100,000."""
    after_priority = len("0-") if folder == layout.QUEUED else 0
    first = min(names, key=lambda name: name[after_priority:], default="")
    return _stamp_ns(folder, first) or min(filter(None, (_stamp_ns(folder, name) for name in names)), default=None)


def _stamp_ns(folder: str, name: str) -> int | None:
    entry = layout.parse(folder, name)
    return None if entry is None or entry.stamp is None else layout.time_of(entry.stamp)


def _first_change(folder: Path, names: Iterable[str]) -> int | None:
    """When the file in `claimed` that has been there longest came: the rename changed its inode then."""
    changes = []
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            changes.append(os.stat(f"{folder}/{name}", follow_symlinks=False).st_ctime_ns)  # noqa: PTH116  # a quarter of the cost
    return min(changes, default=None)
