"""Details of one job, from its row, its files and its store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.core.errors import AmbiguousJobError, ManifestError, OtherStoreError, StoreError, UnknownJobError
from themis.core.queue.folder import journal, listing, locks, log_files
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.layout import Entry
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import JobState
from themis.core.queue.transitions import claim_liveness, dependents, moves
from themis.core.stores.job_rows import AttemptRow, JobRow, Owner
from themis.core.stores.job_store import JobStore


@dataclass(frozen=True, slots=True)
class KeptLog:
    """End of the output of an attempt, which a store keeps; all of it is on the host that ran it.

    Attributes:
        attempt: its number.
        host, path: where the whole output is.
        size_bytes: size of the whole output.
        text: the end of it.
    """

    attempt: int
    host: str
    path: str
    size_bytes: int
    text: str


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Details of a job.

    Attributes:
        row: its row, the true state.
        attempts: its ended attempts, in order.
        journal: its history for people, oldest line first.
        paths: paths of its file.
        alive: whether a living worker has it now, by its lock on this host, by its lease on another.
        logs: the output of its attempts, where it was kept, in the order of printing.
        tags: tags that a worker must have to take it.
        store_error: the reason why its store cannot be opened, in which case `row` contains only the facts in its file;
            None when the store can be opened.
        kept_logs: the ends of the output of its attempts that a store keeps, where there is no shared folder.
        has_file: whether the queue has a file for each job.
        waits_for: jobs that it waits for, each with its state, as texts for people.
    """

    row: JobRow
    attempts: list[AttemptRow]
    journal: list[dict[str, Any]]
    paths: list[Path]
    alive: bool
    logs: list[Path]
    tags: tuple[str, ...] = ()
    store_error: str | None = None
    kept_logs: tuple[KeptLog, ...] = ()
    has_file: bool = True
    waits_for: tuple[str, ...] = ()


def of_job(root: QueueRoot, registry: StoreRegistry, key: str, here: Owner) -> JobDetails:
    """Return the details of a job, see `QueueAdmin.show`."""
    try:
        store, row = registry.find(key)
    except UnknownJobError:
        found = _unreachable(root, registry, key)
        if found is None:
            raise
        return found
    return JobDetails(
        row=row,
        attempts=store.attempts(row.key),
        journal=journal.read(root.folder(layout.JOURNAL), row.key),
        paths=[Path(path) for path in moves.locate(root, row)],
        alive=locks.is_locked(root.locks_folder, row.key) or claim_liveness.has_lease_elsewhere(store, row, here),
        logs=log_files.of_job(root.path / layout.LOGS / row.key),
        tags=_tags_needed(store, row.key),
        waits_for=tuple(dependents.waited_for(store, row)),
    )


def _tags_needed(store: JobStore, key: str) -> tuple[str, ...]:
    """Return the tags that a job needs, by the store's copy of its manifest; empty when that is unreadable."""
    try:
        return manifest_file.decode((store.manifest(key) or "").encode(), key, key=key).tags
    except ManifestError:
        return ()


def _unreachable(root: QueueRoot, registry: StoreRegistry, prefix: str) -> JobDetails | None:
    """Return the details in the file of a job whose store cannot be opened; None when there is no such job.

    Raises:
        AmbiguousJobError: several jobs match the key.
    """
    entries = [
        entry
        for folder in layout.JOB_FOLDERS
        for name in listing.names_in(root.folder(folder))
        if prefix in name and (entry := layout.parse(folder, name)) is not None and entry.key.startswith(prefix)
    ]
    found = [pair for entry in entries if (pair := _store_error(root, registry, entry)) is not None]
    if len({manifest.key for manifest, _, _ in found}) > 1:
        raise AmbiguousJobError(key=prefix, matches=", ".join(sorted(manifest.key for manifest, _, _ in found)))
    if not found:
        return None
    manifest, entry, error = found[0]
    return JobDetails(
        row=_row_of(root, manifest, entry),
        attempts=[],
        journal=journal.read(root.folder(layout.JOURNAL), manifest.key),
        paths=[root.path / entry.folder / entry.name],
        alive=locks.is_locked(root.locks_folder, manifest.key),
        logs=log_files.of_job(root.path / layout.LOGS / manifest.key),
        tags=manifest.tags,
        store_error=error,
    )


def _store_error(root: QueueRoot, registry: StoreRegistry, entry: Entry) -> tuple[Manifest, Entry, str] | None:
    try:
        manifest = manifest_file.read(f"{root.path}/{entry.folder}/{entry.name}", key=entry.key)
    except (OSError, ManifestError):
        return None
    try:
        registry.get(manifest.store)
    except (StoreError, OtherStoreError) as error:
        return manifest, entry, str(error)
    return None


def _row_of(root: QueueRoot, manifest: Manifest, entry: Entry) -> JobRow:
    """Make a job's row from the facts in its file."""
    state = layout.END_FOLDERS.get(entry.folder)
    if state is None:
        state = JobState.RUNNING if entry.folder == layout.CLAIMED else JobState.QUEUED
    return JobRow(
        key=manifest.key,
        run_id=manifest.run_id,
        queue_id=root.queue_id,
        queue_root=str(root.path),
        version=0,
        state=state,
        attempt=entry.attempt or 0,
        priority=manifest.priority if entry.priority is None else entry.priority,
        submitted_ns=manifest.submitted_ns,
        ready_ns=None,
        max_attempts=manifest.limits.max_attempts,
        max_worker_lost=manifest.limits.max_worker_lost,
        timeout_s=manifest.limits.timeout_s,
        memory_limit_mb=manifest.limits.memory_limit_mb,
    )
