"""Names in a queue's folder: which folder a state has, and what a file is called there.

The order stands in the names, so that choosing needs neither open nor stat: `ls queued/` is the order.

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
"""Where a job's file can be."""

PRUNABLE: tuple[str, ...] = (*END_FOLDERS, REJECTED)
"""The folders, and so the states, that can be pruned."""

SHOWN_STATES: dict[str, str] = {
    "running": CLAIMED,
    "queued": QUEUED,
    "waiting": WAITING,
    "failed": "failed",
    "cancelled": "cancelled",
    "done": "done",
}
"""The folder of each state, by the names and in the order in which people want to see them."""

FOLDERS: tuple[str, ...] = (*JOB_FOLDERS, TMP, REJECTED, LOCKS, CANCEL, JOURNAL, LOGS, WORKERS, STORES)
"""What every queue has. The doorbell's folder is not among them: a queue does without where it cannot be made."""

QUEUE_FILE = "queue.json"
PAUSED_FILE = "paused"
REASON_SUFFIX = ".reason.json"

MAX_WORKER_FILE_BYTES = 1_000_000
"""As much of a worker's file is read: more than one of very many slots takes."""

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
"""No job waits for as late a time (in the year 2255): a store keeps times in 64 bits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A job's file, as far as its name tells.

    Attributes:
        folder, name: where it lies.
        key: of its job.
        priority: 0 to 9; None where the name does not say.
        stamp: in `queued` when it was submitted, in `waiting` when it will be ready; None elsewhere.
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
    """Token that makes a claim, or a move, unique."""
    return secrets.token_hex(8)


def is_key(text: str) -> bool:
    """Whether a text can be a job's key."""
    return _KEY.fullmatch(text) is not None


def stamp(time_ns: int) -> str:
    """A time as it stands in names: UTC to the nanosecond, of fixed width, so that names sort by it."""
    seconds, rest_ns = divmod(time_ns, _NS)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}{rest_ns:09d}Z"


def time_of(stamp: str) -> int | None:
    """Nanoseconds since 1970 UTC of a time as it stands in names; None when there was never such a time."""
    try:
        seconds = calendar.timegm(time.strptime(stamp[:_SECOND_CHARACTERS], "%Y%m%dT%H%M%S"))
    except ValueError:
        return None
    return seconds * _NS + int(stamp[_SECOND_CHARACTERS:-1])


def place_of(row: JobRow, now_ns: int) -> tuple[str, str]:
    """Folder and name that belong to a job as its row stands; a running one's name is its claimer's."""
    if row.state == JobState.QUEUED:
        if row.ready_ns is not None and row.ready_ns > now_ns:
            return WAITING, f"{stamp(row.ready_ns)}-{row.priority}-{row.key}.json"
        return QUEUED, f"{row.priority}-{stamp(row.submitted_ns)}-{row.key}.json"
    if row.state == JobState.RUNNING:
        return CLAIMED, claimed_name(row.key, row.attempt, row.token or "0" * 16)
    return str(row.state), f"{row.key}.json"


def log_path(root: Path, key: str, attempt: int) -> Path:
    """Path of the log of an attempt."""
    return root / LOGS / key / f"{attempt}.log"


def claimed_name(key: str, attempt: int, token: str) -> str:
    """Name of a job's file while somebody runs or moves it."""
    return f"{key}.{attempt}.{token}.json"


def parse(folder: str, name: str) -> Entry | None:
    """Parse the name of a file; None when no job's file is called so in that folder."""
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
    """Whether a name in an end folder can be that of a job's file: cheaper than to `parse` it, of very many."""
    return len(name) in _ENDED_CHARACTERS and name.endswith(".json")
