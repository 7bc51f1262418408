"""What people ask of a job: cancel it, try it again."""

import time
from collections.abc import Callable

from themis.core import durable_files
from themis.core.errors import JobStateError, QueueBusyError
from themis.core.queue import journal, layout, locks, moves, processes, states
from themis.core.queue.job_store import JobStore
from themis.core.queue.picker import Picker
from themis.core.queue.root import QueueRoot
from themis.core.queue.settling import clear_flag
from themis.core.queue.states import ENDED, JobState
from themis.core.queue.store_book import StoreBook
from themis.core.stores.job_rows import Change, JobRow

_LOCK_WAIT_S = 2.0


def cancel(root: QueueRoot, book: StoreBook, picker: Picker, prefix: str) -> JobRow:
    """See `FileQueue.cancel`."""
    store, row = book.find(prefix)
    lock = locks.acquire(root.locks_folder, row.key)
    if lock is None:
        _request(root, store, row.key)
        return store.load(row.key) or row
    try:
        row = store.load(row.key) or row
        if row.state in ENDED:
            return row
        if row.state == JobState.QUEUED:
            now_ns = time.time_ns()
            try:
                return _moved(root, store, row, "cancel", lambda read: states.cancelled(read, now_ns))
            except QueueBusyError:
                if not root.shared:
                    raise
                # Another host, which this lock does not keep out, was faster: then it is asked like any other owner.
        _request(root, store, row.key)
    finally:
        lock.release()
    # Its lock was free, so that its owner is dead, or on another host: recovery tells which, and ends a dead one.
    picker.recover(processes.this_process())
    return store.load(row.key) or row


def retry(root: QueueRoot, book: StoreBook, prefix: str, *, rerun: bool) -> JobRow:
    """See `FileQueue.retry`."""
    store, row = book.find(prefix)
    wait_s = _LOCK_WAIT_S if row.state in ENDED else 0.0
    lock = locks.acquire(root.locks_folder, row.key, wait_s=wait_s)
    row = store.load(row.key) or row
    if lock is None:
        if row.state in ENDED:
            raise QueueBusyError(path=root.path, key=row.key)
        raise JobStateError(key=row.key, state=row.state, detail="only a job that has ended can be queued again")
    try:
        if row.state not in ENDED or (row.state == JobState.DONE and not rerun):
            detail = "only a failed or cancelled job can be tried again"
            raise JobStateError(key=row.key, state=row.state, detail=detail)
        now_ns = time.time_ns()
        back = _moved(root, store, row, "retry", lambda read: states.sent_back(read, now_ns))
        clear_flag(root, row.key)
        return back
    finally:
        lock.release()


def _request(root: QueueRoot, store: JobStore, key: str) -> None:
    """Ask a job's owner to stop: the row first, which is the request, then the file that wakes the owner."""
    if store.request_cancel(key):
        durable_files.mark(f"{root.folder(layout.CANCEL)}/{key}")
        journal.note(root.folder(layout.JOURNAL), key, "cancel requested")


def _moved(root: QueueRoot, store: JobStore, row: JobRow, move: str, decide: Callable[[JobRow], Change]) -> JobRow:
    """One move of a job that is locked here; a file that has vanished is published again first."""
    now_ns = time.time_ns()
    sources = moves.locate(root, row) or [moves.publish(root, store, row, now_ns)]
    after = moves.move(root, store, row, sources, decide, now_ns)
    if after is None:
        raise QueueBusyError(path=root.path, key=row.key)
    journal.note(
        root.folder(layout.JOURNAL), row.key, move, state=after.state, attempt=after.attempt, version=after.version
    )
    return after
