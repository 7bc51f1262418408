"""Whether a worker on another host may have a job.

Asked under the job's lock, which answers it for this host: a lock that can be taken proves that nobody here has the
job. Where locks do not reach from host to host, a lease answers it for the others, by the clock of the store. A file in
`claimed/` whose job has no lease may be in the middle of somebody's move: it is left alone until this host has seen it
there, under the same name, for as long as a lease lasts. No wrong answer can do more than waste work: a process that
has lost a job to another can change nothing any more, as every change demands the version that it read.
"""

import hashlib
import time
from pathlib import Path

from themis.core.files import durable, guarded
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout
from themis.core.queue.model.layout import Entry
from themis.core.queue.model.readiness import CLOCKS_DIFFER_NS
from themis.core.queue.model.states import JobState
from themis.core.stores.job_rows import JobRow, Owner
from themis.core.stores.job_store import JobStore

_MAX_BYTES = 64
_NS_A_MS = 1_000_000


def is_in_hand_elsewhere(root: QueueRoot, store: JobStore, row: JobRow, entry: Entry, here: Owner) -> bool:
    """Whether a job's file is to be left alone, as another host may have the job; its lock is held here.

    Args:
        root: the queue.
        store: that keeps the job.
        row: the job.
        entry: its file.
        here: the process that asks.
    """
    runs = row.state == JobState.RUNNING and row.owner is not None
    if runs and (_is_of(row, here) or row.lease_until_ms is not None):
        has_lease = has_lease_elsewhere(store, row, here)
        # One that was reckoned by a clock that was ahead lasts no longer than others: a living owner renews it by then.
        return has_lease and not (_is_misdated(root, store, row) and _has_been_seen(root, entry.name, here))
    if not root.shared or (not runs and entry.folder != layout.CLAIMED):
        return False
    return not _has_been_seen(root, entry.name, here)


def has_lease_elsewhere(store: JobStore, row: JobRow, here: Owner) -> bool:
    """Whether a job runs on another host, by its lease."""
    if row.state != JobState.RUNNING or row.lease_until_ms is None or _is_of(row, here):
        return False
    return row.lease_until_ms > store.clock_ms()


def _is_misdated(root: QueueRoot, store: JobStore, row: JobRow) -> bool:
    """Whether a lease lasts longer than any that is given now."""
    longest_ms = root.lease_s * 1_000 + CLOCKS_DIFFER_NS / _NS_A_MS
    return row.lease_until_ms is not None and row.lease_until_ms - store.clock_ms() > longest_ms


def _is_of(row: JobRow, here: Owner) -> bool:
    owner = row.owner
    return owner is not None and (owner.host, owner.boot_id) == (here.host, here.boot_id)


def _has_been_seen(root: QueueRoot, name: str, here: Owner) -> bool:
    """Whether this host has seen a name for a lease's time; from the first sight on that is remembered in `tmp/`.

    In a file, for a process that runs one job and ends would never see anything for so long. The monotonic clock is one
    for all processes of a machine, from its start on.
    """
    machine = hashlib.sha256(f"{here.host}\n{here.boot_id}".encode()).hexdigest()[:16]
    path = root.path / layout.TMP / f".seen-{machine}-{name}"
    now_s = time.monotonic()
    first_s = _read(path)
    if first_s is None or not 0.0 <= first_s <= now_s:
        guarded.replace(path, repr(now_s).encode())
        return False
    if now_s - first_s < root.lease_s:
        return False
    durable.unlink(path)
    return True


def _read(path: Path) -> float | None:
    try:
        return float(guarded.read(path, _MAX_BYTES))
    except (FileNotFoundError, ValueError):
        return None
