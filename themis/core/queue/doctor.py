"""Where folder and store disagree, the store is right and the folder is put right."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from themis.core import durable_files
from themis.core.errors import ManifestError, OtherStoreError, UnavailableError
from themis.core.queue import journal, layout, locks, manifest_file, moves, numbers
from themis.core.queue.job_store import JobStore
from themis.core.queue.layout import Entry
from themis.core.queue.looking import Looker
from themis.core.queue.manifest_file import StoreAddress
from themis.core.queue.picker import Picker
from themis.core.queue.root import QueueRoot
from themis.core.queue.store_book import StoreBook, rows_of
from themis.core.stores.job_rows import JobRow, Owner

_TMP_OLD_S = 3_600.0
_PUT_BACK = (
    "put it back; or, if it was moved, submit one of its experiments again from where it is; "
    "or, if it is gone for good, remove its file from the queue's folder `stores`"
)
_WAITS = "left where it lies until its results store can be used again"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something out of place.

    Attributes:
        what: a job's key, or a path.
        problem: what is wrong with it.
        action: what puts it right; None when nothing here can.
        advice: what a person can do about it; None when nothing is left to do.
        fixed: whether the action was taken.
    """

    what: str
    problem: str
    action: str | None = None
    advice: str | None = None
    fixed: bool = False


def examine(
    root: QueueRoot, book: StoreBook, picker: Picker | Looker, owner: Owner, *, fix: bool = True
) -> list[Finding]:
    """Compare every file with its row and every row with its file, and say what nobody has in hand and is out of place.

    With `fix` it is put right; without, `picker` is a `Looker`, and nothing is changed.

    A file whose store cannot be opened, or was replaced by another, is left where it lies: put back, the store is right
    again. Its row cannot be made anew, as the run that it belongs to was in that store too.
    """
    findings = [
        Finding(address.path, str(error), advice=_PUT_BACK if _is_gone(address, error) else None)
        for address, error in book.unusable().items()
    ]
    findings.extend(_claimed(root, book, picker, owner, fix=fix))
    findings.extend(_behind(root, book, fix=fix))
    rows = {row.key: (store, row) for store, row in rows_of(root, book)}
    seen: set[str] = set()
    for folder in layout.JOB_FOLDERS:
        for name in sorted(os.listdir(root.folder(folder))):  # noqa: PTH208
            entry = layout.parse(folder, name)
            if entry is not None:
                seen.add(entry.key)
                known = rows.get(entry.key)
                if known is not None and _lies_right(known[1], folder):
                    continue
                if known is None and folder != layout.CLAIMED and (stray := _stray(root, book, entry)):
                    findings.append(stray)
                    continue
            if name[0] != "." and folder != layout.CLAIMED:
                findings.extend(_misplaced(root, picker, folder, name, owner, fix=fix))
    for key in rows.keys() - seen:
        findings.extend(_without_file(root, picker, *rows[key], owner, fix=fix))
    findings.extend(_old_tmp_files(root, fix=fix))
    findings.extend(Finding(name, f"left where it lies: {why}") for name, why in picker.passed_over.items())
    return findings


def _behind(root: QueueRoot, book: StoreBook, *, fix: bool) -> Iterator[Finding]:
    for store, row in list(rows_of(root, book)):
        problem = f"its row is older than its history: the store was restored from a backup of then ({row.state})"
        action = "goes on from there, above what was used since"
        if not fix:
            if numbers.is_behind(root, row):
                yield Finding(row.key, problem, action)
        elif after := numbers.raise_numbers(root, store, row.key):
            yield Finding(row.key, problem, f"{action}: attempt {after.attempt}, version {after.version}", fixed=True)


def _lies_right(row: JobRow, folder: str) -> bool:
    right, _ = layout.place_of(row, time.time_ns())
    # One that has waited long enough lies well in either.
    return folder == right or (right == layout.QUEUED and folder == layout.WAITING)


def _is_gone(address: StoreAddress, error: UnavailableError) -> bool:
    """Whether a store is not the one it was; one that is there, and cannot be used just now, says itself what to do."""
    return isinstance(error, OtherStoreError) or not os.path.lexists(address.path)


def _claimed(
    root: QueueRoot, book: StoreBook, picker: Picker | Looker, owner: Owner, *, fix: bool
) -> Iterator[Finding]:
    for name in sorted(os.listdir(root.folder(layout.CLAIMED))):  # noqa: PTH208
        entry = layout.parse(layout.CLAIMED, name)
        if entry is not None and (stray := _stray(root, book, entry)):
            yield stray
        elif name[0] != "." and (row := picker.put_right(layout.CLAIMED, name, owner)):
            yield Finding(row.key, "was claimed by a worker that is dead", f"given back: {row.state}", fixed=fix)


def _stray(root: QueueRoot, book: StoreBook, entry: Entry) -> Finding | None:
    """What keeps a job's file from being compared with its row; None when nothing does, or it is no manifest."""
    path = f"{root.path}/{entry.folder}/{entry.name}"
    try:
        manifest = manifest_file.read(path, key=entry.key)
    except (ManifestError, OSError):
        return None
    try:
        book.get(manifest.store)
    except UnavailableError as error:
        if not _is_gone(manifest.store, error):
            return Finding(entry.key, f"its row cannot be read: {error}", advice=_WAITS)
        config = manifest.payload.get("config_path")
        again = f"themis submit --config {config}" if isinstance(config, str) else "themis submit"
        problem = f"its results store, in which its run was, is gone: {error}"
        advice = f"left where it lies: put the store back, or submit its experiment again ({again}) and remove {path}"
        return Finding(entry.key, problem, advice=advice)
    return None


def _misplaced(
    root: QueueRoot, picker: Picker | Looker, folder: str, name: str, owner: Owner, *, fix: bool
) -> list[Finding]:
    row = picker.put_right(folder, name, owner)
    if row is not None:
        return [Finding(row.key, f"its file lay in {folder}", f"moved to where its row says: {row.state}", fixed=fix)]
    if os.path.lexists(f"{root.path}/{folder}/{name}"):
        return []
    advice = "submit its experiment again, if it was one"
    return [
        Finding(name, f"is in {folder}, but no store knows such a job", "moved to rejected, or gone", advice, fixed=fix)
    ]


def _without_file(
    root: QueueRoot, picker: Picker | Looker, store: JobStore, row: JobRow, owner: Owner, *, fix: bool
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
    after = picker.put_right(folder, name, owner) if fix and folder == layout.CLAIMED else now
    action = f"written again: {after.state if after else now.state}"
    return [Finding(row.key, "its file had vanished", action, fixed=fix)]


def _old_tmp_files(root: QueueRoot, *, fix: bool) -> Iterator[Finding]:
    with os.scandir(root.folder(layout.TMP)) as files:
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # somebody has just renamed it into place
                if time.time() - file.stat(follow_symlinks=False).st_mtime > _TMP_OLD_S:
                    if fix:
                        durable_files.unlink(file.path)
                    yield Finding(file.path, "was left by a process that died while it wrote", "removed", fixed=fix)
