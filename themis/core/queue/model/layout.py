"""File names in a queue's folder: the folder of each state, and the name of a job's file in it.

The names contain the order, so that choosing a job needs neither open nor stat: `ls queued/` is the order.

    queued/<P>-<submitted>-<key>.json      P: 0 (first) to 9
    waiting/<ready>-<P>-<key>.json         not before that time
    claimed/<key>.<attempt>.<token>.json   a name that only its claimer uses
    done/<key>.json  failed/<key>.json  cancelled/<key>.json
"""

import calendar
import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from themis.core.queue.model.states import JobState
from themis.core.stores.job_rows import JobRow

TMP = "tmp"
QUEUED = "queued"
WAITING = "waiting"
CLAIMED = "claimed"
REJECTED = "rejected"
LOCKS = "locks"
CANCEL = "cancel"
JOURNAL = "journal"
LOGS = "logs"
WORKERS = "workers"
STORES = "stores"
BELL = "bell"
RING = "ring"

END_FOLDERS: dict[str, JobState] = {
    "done": JobState.DONE,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}
JOB_FOLDERS: tuple[str, ...] = (QUEUED, WAITING, CLAIMED, *END_FOLDERS)
"""Folders that a job's file can be in."""

PRUNABLE: tuple[str, ...] = (*END_FOLDERS, REJECTED)
"""Folders, and so states, that can be pruned."""

SHOWN_STATES: dict[str, str] = {
    "running": CLAIMED,
    "queued": QUEUED,
    "waiting": WAITING,
    "failed": "failed",
    "cancelled": "cancelled",
    "done": "done",
}
"""Folder of each state, with the names and in the order that people see."""

FOLDERS: tuple[str, ...] = (*JOB_FOLDERS, TMP, REJECTED, LOCKS, CANCEL, JOURNAL, LOGS, WORKERS, STORES)
"""Folders that every queue has.

The bell's folder is not among them: a queue works without it where it cannot be made.
"""

QUEUE_FILE = "queue.json"
PAUSED_FILE = "paused"
REASON_SUFFIX = ".reason.json"

MAX_WORKER_FILE_BYTES = 1_000_000
"""Bytes that are read of a worker's file: more than a worker with very many slots needs."""

KEY_PATTERN = r"[0-9a-f]{16}(?:\.s[0-9]{3}of[0-9]{3})?"
_STAMP_PATTERN = r"[0-9]{8}T[0-9]{15}Z"
_KEY = re.compile(KEY_PATTERN)
_QUEUED = re.compile(rf"(?P<priority>[0-9])-(?P<stamp>{_STAMP_PATTERN})-(?P<key>{KEY_PATTERN})\.json")
_WAITING = re.compile(rf"(?P<stamp>{_STAMP_PATTERN})-(?P<priority>[0-9])-(?P<key>{KEY_PATTERN})\.json")
_CLAIMED = re.compile(rf"(?P<key>{KEY_PATTERN})\.(?P<attempt>[0-9]{{1,9}})\.(?P<token>[0-9a-f]{{16}})\.json")
_ENDED = re.compile(rf"(?P<key>{KEY_PATTERN})\.json")

_ENDED_CHARACTERS = frozenset(map(len, ("0123456789abcdef.json", "0123456789abcdef.s001of002.json")))

_SECOND_CHARACTERS = len("20270131T080000")
_NS = 1_000_000_000
LATEST_NS = 9_000_000_000 * _NS
"""Latest time that a job can wait for (in the year 2255): a store keeps times in 64 bits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Job's file, as described by its name.

    Attributes:
        folder, name: folder and name of the file.
        key: key of its job.
        priority: 0 to 9; None where the name does not contain it.
        stamp: in `queued` the time of submission, in `waiting` the time when it is ready; None elsewhere.
        attempt, token: in `claimed` those of the claim or move; None elsewhere.
    """

    folder: str
    name: str
    key: str
    priority: int | None = None
    stamp: str | None = None
    attempt: int | None = None
    token: str | None = field(default=None, compare=False)


def new_token() -> str:
    """Return a random token that identifies one claim or move."""
    return secrets.token_hex(8)


def is_key(text: str) -> bool:
    """Whether a text can be a job's key."""
    return _KEY.fullmatch(text) is not None


def stamp(time_ns: int) -> str:
    """Format a time for file names: UTC to the nanosecond, of fixed width, so that names sort by time."""
    seconds, rest_ns = divmod(time_ns, _NS)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}{rest_ns:09d}Z"


def time_of(stamp: str) -> int | None:
    """Parse a time from a file name into nanoseconds since 1970 UTC; None when it is invalid."""
    try:
        seconds = calendar.timegm(time.strptime(stamp[:_SECOND_CHARACTERS], "%Y%m%dT%H%M%S"))
    except ValueError:
        return None
    return seconds * _NS + int(stamp[_SECOND_CHARACTERS:-1])


def place_of(row: JobRow, now_ns: int) -> tuple[str, str]:
    """Return the folder and name of a job's file according to its row; a running job's has its claimer's name."""
    if row.state == JobState.QUEUED:
        if row.ready_ns is not None and row.ready_ns > now_ns:
            return WAITING, f"{stamp(row.ready_ns)}-{row.priority}-{row.key}.json"
        return QUEUED, f"{row.priority}-{stamp(row.submitted_ns)}-{row.key}.json"
    if row.state == JobState.RUNNING:
        return CLAIMED, claimed_name(row.key, row.attempt, row.token or "0" * 16)
    return str(row.state), f"{row.key}.json"


def log_path(root: Path, key: str, attempt: int) -> Path:
    """Return the path of an attempt's log."""
    return root.joinpath(LOGS, key, f"{attempt}.log")  # at once: hot, once an attempt


def claimed_name(key: str, attempt: int, token: str) -> str:
    """Return the name of a job's file while a process runs or moves the job."""
    return f"{key}.{attempt}.{token}.json"


def parse(folder: str, name: str) -> Entry | None:
    """Parse the name of a file in a folder; None when it is not the name of a job's file there."""
    pattern = {QUEUED: _QUEUED, WAITING: _WAITING, CLAIMED: _CLAIMED}.get(folder, _ENDED)
    match = pattern.fullmatch(name)
    if match is None:
        return None
    found = match.groupdict()
    priority, attempt = found.get("priority"), found.get("attempt")
    return Entry(
        folder=folder,
        name=name,
        key=found["key"],
        priority=None if priority is None else int(priority),
        stamp=found.get("stamp"),
        attempt=None if attempt is None else int(attempt),
        token=found.get("token"),
    )


def may_have_ended(name: str) -> bool:
    """Whether a name in an end folder can be that of a job's file: cheaper than `parse` for many names."""
    return len(name) in _ENDED_CHARACTERS and name.endswith(".json")
