"""Doctor: repair the folder of a queue where it disagrees with the store, which is right."""

import heapq
import os
import time
from collections.abc import Iterator
from functools import partial
from itertools import groupby

from themis.core.errors import ManifestError, OtherStoreError, StoreMissingError, UnavailableError
from themis.core.files import durable
from themis.core.queue.admin import leftovers
from themis.core.queue.admin.dry_run import DryRun
from themis.core.queue.admin.findings import Finding, of_dependents
from themis.core.queue.folder import bell, journal, locks
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import ScanProgress, StoreRegistry, rows_of
from themis.core.queue.model import layout, manifest_file
from themis.core.queue.model.layout import Entry
from themis.core.queue.picking.next_job import NextJob
from themis.core.queue.transitions import moves, restored_rows
from themis.core.queue.transitions.dependent_moves import DependentMover
from themis.core.stores.job_rows import JobRow, Owner
from themis.core.stores.job_store import JobStore

_PUT_BACK = (
    "put it back; or, if it was moved, submit one of its experiments again from where it is; "
    "or, if it is gone for good, remove its file from the queue's folder `stores`"
)
_WAITS = "left in place until its results store can be used again"


def examine(
    root: QueueRoot,
    registry: StoreRegistry,
    next_job: NextJob | DryRun,
    owner: Owner,
    *,
    fix: bool = True,
    progress: ScanProgress | None = None,
) -> Iterator[Finding]:
    """Compare every file with its row and every row with its file, and report what is out of place and not locked.

    `fix` repairs it; without it `next_job` is a `DryRun`, and nothing is changed. Files and rows are read in order of
    their keys, side by side, so that only the names of the files are in memory.

    A file whose store cannot be opened, or was replaced by another, is left in place: once the store is restored, the
    file is right again. Its row cannot be made again, as its run was in that store too.
    """
    for address, error in registry.unusable().items():
        yield Finding(address.path, str(error), advice=_PUT_BACK if _is_gone(error) else None)
    yield from _claimed(root, registry, next_job, owner, fix=fix)
    nameless, files = _files(root)
    for folder, name in nameless:
        yield from _nameless(root, next_job, folder, name, owner, fix=fix)
    claimed = os.listdir(root.folder(layout.CLAIMED))  # noqa: PTH208  # few: running jobs only
    for entries, known in _side_by_side(files, rows_of(root, registry, progress)):
        found = known
        if found is not None and restored_rows.is_behind(root, found[1], claimed):
            found, finding = _ahead(root, *found, fix=fix)
            yield from finding
        for entry in entries:
            # Files in `claimed` were handled above: those that remain are locked.
            if entry.folder == layout.CLAIMED or (found is not None and _lies_right(found[1], entry.folder)):
                continue
            if found is None and (stray := _stray(root, registry, entry)):
                yield stray
            else:
                yield from _misplaced(root, next_job, entry.folder, entry.name, owner, fix=fix)
        if found is not None and not entries:
            yield from _without_file(root, next_job, *found, owner, fix=fix)
    yield from _dependents(root, registry, fix=fix)
    yield from _left(root, fix=fix)
    yield from _doorbell(root, fix=fix)
    for name, why in next_job.unusable.items():
        yield Finding(name, f"left in place: {why}")


_Known = tuple[JobStore, JobRow]


def _dependents(root: QueueRoot, registry: StoreRegistry, *, fix: bool) -> Iterator[Finding]:
    look = DependentMover(root, registry).look
    for _, store in registry.usable():
        yield from of_dependents(store, root.queue_id, look, fix=fix)


def _files(root: QueueRoot) -> tuple[list[tuple[str, str]], Iterator[Entry]]:
    """Return the files that have no job's name, by folder and name; and those of jobs, in order of their keys."""
    nameless: list[tuple[str, str]] = []
    by_folder: list[Iterator[Entry]] = []
    for folder in layout.JOB_FOLDERS:
        parse = partial(layout.parse, folder)
        names = os.listdir(root.folder(folder))  # noqa: PTH208  # names only, very many
        if folder != layout.CLAIMED:
            nameless += [(folder, name) for name in sorted(names) if name[0] != "." and parse(name) is None]
        # In an end folder the order of the names is that of the keys.
        names.sort(key=None if folder in layout.END_FOLDERS else lambda name: _key_of(parse(name)))  # noqa: B023
        by_folder.append(filter(None, map(parse, names)))
    return nameless, heapq.merge(*by_folder, key=_key_of)


def _key_of(entry: Entry | None) -> str:
    """Return the key of a job's file; other files sort first."""
    return "" if entry is None else entry.key


def _side_by_side(files: Iterator[Entry], rows: Iterator[_Known]) -> Iterator[tuple[list[Entry], _Known | None]]:
    """Pair the files and the row of each key; both are sorted by key."""
    rows = iter(rows)
    row = next(rows, None)
    for key, group in groupby(files, key=_key_of):
        while row is not None and row[1].key < key:
            yield [], row
            row = next(rows, None)
        if row is not None and row[1].key == key:
            yield list(group), row
            row = next(rows, None)
        else:
            yield list(group), None
    if row is not None:
        yield [], row
        yield from (([], row) for row in rows)


def _ahead(root: QueueRoot, store: JobStore, row: JobRow, *, fix: bool) -> tuple[_Known, list[Finding]]:
    """Report a job whose row is older than its history; `fix` raises its numbers above all that were used."""
    problem = f"its row is older than its history: the store was restored from a backup ({row.state})"
    action = "continues from there, with numbers above all that were used"
    if not fix:
        return (store, row), [Finding(row.key, problem, action)]
    after = restored_rows.raise_restored_row(root, store, row.key)
    if after is None:
        return (store, row), []
    action += f": attempt {after.attempt}, version {after.version}"
    return (store, after), [Finding(row.key, problem, action, fixed=True)]


def _lies_right(row: JobRow, folder: str) -> bool:
    right, _ = layout.place_of(row, time.time_ns())
    # A job that has waited long enough may be in either folder.
    return folder == right or (right == layout.QUEUED and folder == layout.WAITING)


def _is_gone(error: UnavailableError) -> bool:
    """Whether a store is missing or another one; the error of a store that is there but unusable says what to do."""
    return isinstance(error, OtherStoreError | StoreMissingError)


def _claimed(
    root: QueueRoot, registry: StoreRegistry, next_job: NextJob | DryRun, owner: Owner, *, fix: bool
) -> Iterator[Finding]:
    for name in sorted(os.listdir(root.folder(layout.CLAIMED))):  # noqa: PTH208
        entry = layout.parse(layout.CLAIMED, name)
        if entry is not None and (stray := _stray(root, registry, entry)):
            yield stray
        elif name[0] != "." and (row := next_job.recover_file(layout.CLAIMED, name, owner)):
            yield Finding(row.key, "was claimed by a worker that is dead", f"given back: {row.state}", fixed=fix)


def _stray(root: QueueRoot, registry: StoreRegistry, entry: Entry) -> Finding | None:
    """Report that the store of a job's file is missing or unusable; None when it is usable or the file is invalid."""
    path = f"{root.path}/{entry.folder}/{entry.name}"
    try:
        manifest = manifest_file.read(path, key=entry.key)
    except (ManifestError, OSError):
        return None
    try:
        registry.get(manifest.store)
    except UnavailableError as error:
        if not _is_gone(error):
            return Finding(entry.key, f"its row cannot be read: {error}", advice=_WAITS)
        config = manifest.payload.get("config_path")
        again = f"themis submit --config {config}" if isinstance(config, str) else "themis submit"
        problem = f"its results store, in which its run was, is gone: {error}"
        advice = f"left in place: put the store back, or submit its experiment again ({again}) and remove {path}"
        return Finding(entry.key, problem, advice=advice)
    return None


def _nameless(
    root: QueueRoot, next_job: NextJob | DryRun, folder: str, name: str, owner: Owner, *, fix: bool
) -> list[Finding]:
    """Report a file that does not have a job's name; in an end folder it is harmless."""
    if folder not in layout.END_FOLDERS:
        return _misplaced(root, next_job, folder, name, owner, fix=fix)
    problem = "is not a job's file, and is left in place: no worker takes files from there"
    return [Finding(f"{folder}/{name}", problem, advice="nothing needs to be done", harmless=True)]


def _misplaced(
    root: QueueRoot, next_job: NextJob | DryRun, folder: str, name: str, owner: Owner, *, fix: bool
) -> list[Finding]:
    row = next_job.recover_file(folder, name, owner)
    if row is not None:
        return [Finding(row.key, f"its file was in {folder}", f"moved to where its row says: {row.state}", fixed=fix)]
    if os.path.lexists(f"{root.path}/{folder}/{name}"):
        return []
    advice = "submit its experiment again, if it was one"
    return [
        Finding(name, f"is in {folder}, but no store knows such a job", "moved to rejected, or gone", advice, fixed=fix)
    ]


def _without_file(
    root: QueueRoot, next_job: NextJob | DryRun, store: JobStore, row: JobRow, owner: Owner, *, fix: bool
) -> list[Finding]:
    lock = locks.acquire(root.locks_folder, row.key)
    if lock is None:
        return []
    try:
        now = store.load(row.key)
        if now is None or now.queue_id != root.queue_id or moves.locate(root, now):
            return []
        path = moves.publish(root, store, now, time.time_ns()) if fix else moves.path_of(root, now, time.time_ns())
    finally:
        lock.release()
    if fix:
        journal.note(root.folder(layout.JOURNAL), row.key, "publish again", why="its file had vanished")
    folder, name = path.rsplit("/", 2)[1:]
    after = next_job.recover_file(folder, name, owner) if fix and folder == layout.CLAIMED else now
    action = f"written again: {after.state if after else now.state}"
    return [Finding(row.key, "its file had vanished", action, fixed=fix)]


def _doorbell(root: QueueRoot, *, fix: bool) -> Iterator[Finding]:
    why = bell.why_silent(root.path)
    if why is None:
        return
    folder = root.folder(layout.BELL)
    problem = f"{why}: workers are not woken at once, and find new jobs by polling"
    if fix and bell.mend(root.path):
        yield Finding(folder, problem, "made again", fixed=True)
    else:
        advice = f"make {folder} a folder, and in it {layout.RING} a file, that this user can write to"
        yield Finding(folder, problem, advice=advice)


def _left(root: QueueRoot, *, fix: bool) -> Iterator[Finding]:
    for path in leftovers.hidden_files(root):
        if fix:
            durable.unlink(path)
        yield Finding(path, "was left by a process that was killed while writing it", "removed", fixed=fix)
