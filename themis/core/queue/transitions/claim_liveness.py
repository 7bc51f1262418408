"""Liveness of a worker on another host: whether it may still have a job.

The check is made under the job's lock, which answers it for this host: a lock that can be taken proves that no process
here has the job. Where locks do not reach from host to host, a lease answers it for the others, by the store's clock.
A file in `claimed/` whose job has no lease may be in the middle of a move: it is left alone until this host has seen it
there, under the same name, for the length of a lease. A wrong answer can only waste work: a worker that has lost its
job to another cannot change anything any more, as every change requires the version that it read.
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
    """Whether a job's file is to be left alone, as another host may have it claimed; its lock is held here.

    Args:
        root: the queue.
        store: store of the job.
        row: the job.
        entry: its file.
        here: this process.
    """
    runs = row.state == JobState.RUNNING and row.owner is not None
    if runs and (is_of(row, here) or row.lease_until_ms is not None):
        has_lease = has_lease_elsewhere(store, row, here)
        # A lease from a clock that was ahead lasts no longer than others: a living owner renews it by then.
        return has_lease and not (_is_misdated(root, store, row) and _has_been_seen(root, entry.name, here))
    if not root.shared or (not runs and entry.folder != layout.CLAIMED):
        return False
    return not _has_been_seen(root, entry.name, here)


def has_lease_elsewhere(store: JobStore, row: JobRow, here: Owner) -> bool:
    """Whether a job runs on another host, by its lease."""
    if row.state != JobState.RUNNING or row.lease_until_ms is None or is_of(row, here):
        return False
    return row.lease_until_ms > store.clock_ms()


def _is_misdated(root: QueueRoot, store: JobStore, row: JobRow) -> bool:
    """Whether a lease lasts longer than any lease given now."""
    longest_ms = root.lease_s * 1_000 + CLOCKS_DIFFER_NS / _NS_A_MS
    return row.lease_until_ms is not None and row.lease_until_ms - store.clock_ms() > longest_ms


def is_of(row: JobRow, here: Owner) -> bool:
    """Whether a job's owner is, or was, a process of this host since its last start."""
    owner = row.owner
    return owner is not None and (owner.host, owner.boot_id) == (here.host, here.boot_id)


def _has_been_seen(root: QueueRoot, name: str, here: Owner) -> bool:
    """Whether this host has seen a name for the length of a lease; the first sight is recorded in `tmp/`.

    It is recorded in a file, as a process that runs one job and ends would never see anything for that long. The
    monotonic clock is the same for all processes of a machine, from its start on.
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
