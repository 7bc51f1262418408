"""Pruning of a queue of rows: jobs that ended long ago leave it, with their history and the ends of their output.

The row stays, in no queue, with the end and the numbers of the job; so do all results.
"""

import contextlib
import shutil
import time
from collections.abc import Collection, Iterable, Iterator

from themis.core.queue.admin.pruning import Prunable
from themis.core.queue.folder import locks
from themis.core.queue.folder.store_registry import ScanProgress
from themis.core.queue.model import layout, states
from themis.core.queue.model.states import ENDED
from themis.core.queue.rows import moves
from themis.core.queue.rows.moves import Move
from themis.core.queue.rows.queue_store import QueueStore, event
from themis.core.stores.job_rows import JobRow
from themis.core.stores.queues.dependents import WAITS

_PAGE = 1_000
_OLD_S = 86_400.0


def each_row(there: QueueStore, progress: ScanProgress | None = None) -> Iterator[JobRow]:
    """Yield every job of the queue, in order of their keys, a page at a time."""
    if progress is not None:
        progress.total += sum(there.jobs.counts(there.queue_id).values())
    after = ""
    while page := there.jobs.jobs_of(there.queue_id, after=after, limit=_PAGE):
        for row in page:
            yield row
            if progress is not None:
                progress.done += 1
        after = page[-1].key


def prunable(
    there: QueueStore, wanted: Collection[str], before_ns: int, progress: ScanProgress | None = None
) -> Iterator[Prunable]:
    """Find the jobs that ended in one of the states `wanted` before a time."""
    for row in each_row(there, progress):
        ended_ns = row.updated_ns if row.ended_ns is None else row.ended_ns
        if row.state in ENDED and row.state in wanted and ended_ns < before_ns:
            size = len(there.jobs.manifest(row.key) or "") + sum(len(log.tail) for log in there.rows.logs(row.key))
            yield Prunable(row.key, row.state, ended_ns, size, row.version, there.jobs)


def prune(there: QueueStore, items: Iterable[Prunable]) -> Iterator[Prunable]:
    """Remove what `prunable` found, and yield each that was removed; what has changed since is skipped."""
    for item in items:
        row = there.jobs.load(item.name)
        if row is None or (row.queue_id, row.version) != (there.queue_id, item.version):
            continue
        if row.awaited & WAITS:  # those that wait for it are to hear of its end first
            continue
        now_ns = there.now_ns(fresh=False)
        move = Move(
            lambda read: states.pruned(read, now_ns),  # noqa: B023
            lambda after: event("prune", after),
            also=lambda: there.rows.forget(item.name),  # noqa: B023
        )
        if moves.make(there, row.fence, move) is not None:
            shutil.rmtree(there.here.folder / layout.LOGS / item.name, ignore_errors=True)
            there.here.notes.remove(item.name)
            yield item


def sweep(there: QueueStore) -> int:
    """Remove what dead processes have left on this host, and logs of jobs that are not in the queue."""
    folder, swept = there.here.folder, 0
    names = [path.stem for path in (folder / layout.LOCKS).glob("*.lock")]
    with contextlib.suppress(OSError):
        swept += locks.remove_unused(folder / layout.LOCKS, names) if names else 0
    for path in (folder / "excused").glob("*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD_S:
                path.unlink()
                swept += 1
    for path in (folder / layout.LOGS).glob("*"):
        row = there.jobs.load(path.name)
        if row is None or row.queue_id != there.queue_id:
            shutil.rmtree(path, ignore_errors=True)
            swept += 1
    return swept
