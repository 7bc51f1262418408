"""Quarantine of files that are not manifests: moved to `rejected/` with a machine-readable reason."""

import contextlib
import hashlib
import json
import os
import time
from typing import Any

from themis.core.errors import ManifestError, QueueBusyError
from themis.core.files import durable
from themis.core.queue.folder import locks
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, states
from themis.core.queue.model.layout import Entry
from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.queue.transitions import claim_liveness, moves
from themis.core.queue.transitions.moves import Move
from themis.core.stores.job_rows import JobRow, Owner
from themis.core.stores.job_store import JobStore

LOCK = "rejected"
"""Key of the lock on the names in `rejected/`."""

LOCK_WAIT_S = 10.0
_LONGEST_NAME_BYTES = 200


def quarantine(root: QueueRoot, registry: StoreRegistry, entry: Entry, error: ManifestError, owner: Owner) -> None:
    """Move a file to `rejected/`, with its reason next to it; the job that it belongs to, if there is one, fails.

    Harmless when another worker does the same; a job that another host may have claimed is left alone.
    """
    if entry.key:
        lock = locks.acquire(root.locks_folder, entry.key)
        if lock is None:
            return
        try:
            found = registry.find_exactly(entry.key)
            if found is not None:
                if claim_liveness.is_in_hand_elsewhere(root, *found, entry, owner):
                    return
                _fail_job(root, *found, entry, error)
            quarantine_file(root, entry, error, owner.worker)
        finally:
            lock.release()
    else:
        quarantine_file(root, entry, error, owner.worker)


def quarantine_file(root: QueueRoot, entry: Entry, error: ManifestError, worker: str) -> None:
    """Move a file to `rejected/`, with its reason next to it; its key, if it has one, is locked by the caller."""
    # One at a time: two workers that reject the same file must not both find its name free.
    lock = locks.acquire(root.locks_folder, LOCK, wait_s=LOCK_WAIT_S)
    if lock is None:
        raise QueueBusyError(path=root.path, key=entry.key or entry.name)
    try:
        source = f"{root.path}/{entry.folder}/{entry.name}"
        if os.path.lexists(source):
            target = f"{root.folder(layout.REJECTED)}/{_free_name(root, entry.name)}"
            facts: dict[str, Any] = {
                "name": entry.name,
                "found_in": entry.folder,
                "key": entry.key or None,
                "reason": error.reason,
                "detail": str(error),
                "rejected_at_ns": time.time_ns(),
                "worker": worker,
            }
            # The reason first: a rejected file without one would be of no use.
            reason = json.dumps(facts, indent=2).encode() + b"\n"
            durable.publish(root.hidden_name(), target + layout.REASON_SUFFIX, reason)
            with contextlib.suppress(FileNotFoundError):
                durable.rename(source, target)
    finally:
        lock.release()


def _fail_job(root: QueueRoot, store: JobStore, row: JobRow, entry: Entry, error: ManifestError) -> None:
    """End the unfinished job of a bad file, unless it has a good file elsewhere too."""
    bad = f"{root.path}/{entry.folder}/{entry.name}"
    if any(path != bad for path in moves.locate(root, row)):
        return
    now_ns = time.time_ns()
    if row.state not in states.ENDED:
        outcome = AttemptOutcome(Cause.INVALID_MANIFEST, f"invalid manifest: {error}")
        move = Move(lambda read: states.refused(read, outcome, now_ns))
        moved = moves.make(root, store, row, move, now_ns)
        if moved is None:
            return
        row = moved.row
    moves.publish(root, store, row, now_ns)


def _free_name(root: QueueRoot, name: str) -> str:
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    wanted, number = name, 1
    while os.path.lexists(f"{root.folder(layout.REJECTED)}/{wanted}"):
        number += 1
        wanted = f"{name}.{number}"
    return wanted
