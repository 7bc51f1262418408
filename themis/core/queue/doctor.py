"""Where folder and store disagree, the store is right and the folder is put right."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from themis.core import durable_files
from themis.core.queue import journal, layout, locks, moves
from themis.core.queue.job_store import JobStore
from themis.core.queue.picker import Picker
from themis.core.queue.root import QueueRoot
from themis.core.queue.store_book import StoreBook
from themis.core.stores.job_rows import JobRow, Owner

_PAGE = 1_000
_TMP_OLD_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something out of place.

    Attributes:
        what: a job's key, or a path.
        problem: what is wrong with it.
        action: what was done about it; None when nothing could be.
    """

    what: str
    problem: str
    action: str | None = None


def examine(root: QueueRoot, book: StoreBook, picker: Picker, owner: Owner) -> list[Finding]:
    """Compare every file with its row and every row with its file, and put right what nobody has in hand."""
    found = "was claimed by a worker that is dead"
    findings = [Finding(row.key, found, f"is {row.state} now") for row in picker.recover(owner)]
    rows = {row.key: (store, row) for store, row in _rows(root, book)}
    seen: set[str] = set()
    for folder in layout.JOB_FOLDERS:
        for name in sorted(os.listdir(root.folder(folder))):  # noqa: PTH208
            entry = layout.parse(folder, name)
            if entry is not None:
                seen.add(entry.key)
                known = rows.get(entry.key)
                if known is not None and _lies_right(known[1], folder):
                    continue
            if name[0] != "." and folder != layout.CLAIMED:
                findings.extend(_misplaced(picker, folder, name, owner))
    for key in rows.keys() - seen:
        findings.extend(_without_file(root, picker, *rows[key], owner))
    findings.extend(_old_tmp_files(root))
    findings.extend(Finding(name, f"left where it lies: {why}") for name, why in picker.passed_over.items())
    return findings


def _rows(root: QueueRoot, book: StoreBook) -> Iterator[tuple[JobStore, JobRow]]:
    for _, store in book.usable():
        after = ""
        while page := store.jobs_of(root.queue_id, after=after, limit=_PAGE):
            yield from ((store, row) for row in page)
            after = page[-1].key


def _lies_right(row: JobRow, folder: str) -> bool:
    right, _ = layout.place_of(row, time.time_ns())
    # One that has waited long enough lies well in either.
    return folder == right or (right == layout.QUEUED and folder == layout.WAITING)


def _misplaced(picker: Picker, folder: str, name: str, owner: Owner) -> list[Finding]:
    row = picker.put_right(folder, name, owner)
    if row is None:
        return []
    return [Finding(row.key, f"its file lay in {folder}", f"moved to where its row says: {row.state}")]


def _without_file(root: QueueRoot, picker: Picker, store: JobStore, row: JobRow, owner: Owner) -> list[Finding]:
    lock = locks.acquire(root.locks_folder, row.key)
    if lock is None:
        return []
    try:
        now = store.load(row.key)
        if now is None or moves.locate(root, now):
            return []
        path = moves.publish(root, store, now, time.time_ns())
    finally:
        lock.release()
    journal.note(root.folder(layout.JOURNAL), row.key, "publish again", why="its file had vanished")
    folder, name = path.rsplit("/", 2)[1:]
    after = picker.put_right(folder, name, owner) if folder == layout.CLAIMED else now
    return [Finding(row.key, "its file had vanished", f"written again; it is {after.state if after else now.state}")]


def _old_tmp_files(root: QueueRoot) -> Iterator[Finding]:
    with os.scandir(root.folder(layout.TMP)) as files:
        for file in files:
            if time.time() - file.stat(follow_symlinks=False).st_mtime > _TMP_OLD_S:
                durable_files.unlink(file.path)
                yield Finding(file.path, "was left by a process that died while it wrote", "removed")
