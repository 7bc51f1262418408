"""What the names of a queue's files tell whoever looks on."""

import heapq
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from themis.cli.output import when
from themis.core.queue import layout
from themis.core.queue.layout import Entry
from themis.core.queue.listing import names_by_folder

AHEAD = 500
"""As many of the next jobs are looked at; what comes after them is only counted."""

_SHARE = 0.05
_PAUSED_BYTES = 16_384

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


@dataclass(frozen=True, slots=True)
class Paused:
    """That nobody takes a job; who said so, and why, where that is known."""

    by: str | None = None
    host: str | None = None
    at: str | None = None
    reason: str | None = None


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


def read_paused(root: Path) -> Paused | None:
    """Whether and why a queue is paused; a file that says nothing pauses it too."""
    try:
        descriptor = os.open(root / layout.PAUSED_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return Paused()
    with os.fdopen(descriptor, "rb") as file:
        try:
            said = json.loads(file.read(_PAUSED_BYTES))
        except (OSError, ValueError, RecursionError):
            return Paused()
    if not isinstance(said, dict):
        return Paused()
    by, host, reason = (_text(said.get(name)) for name in ("by", "host", "reason"))
    return Paused(by, host, _moment(said.get("at", said.get("at_ns"))), reason)


def _first(folder: str, names: list[str]) -> list[Entry]:
    entries = (layout.parse(folder, name) for name in heapq.nsmallest(AHEAD, names))
    return [entry for entry in entries if entry is not None]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: Any) -> str | None:
    """A time that was written as a text, or as nanoseconds since 1970."""
    return when(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)
