"""Runs of a queue's jobs, by the keys of the jobs, as the queue's stores have them."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from itertools import islice

from themis.core.errors import UnavailableError
from themis.core.monitor.queue_files import JobFile
from themis.core.monitor.stores import stores_of
from themis.core.outcomes.failure_groups import MOST_READ, FailureGroup, failure_groups
from themis.core.queue.folder import locks
from themis.core.queue.folder.root import open_root
from themis.core.queue.model.queue_place import Place, RowsPlace
from themis.core.stores.reading import JobAndRun, RunRow, StoreReader
from themis.core.stores.registry import reader_of

_PAGE = 512
_CLOCKS_DIFFER_MS = 10_000
_PATIENCE_S = 0.5  # a list is not to wait for a store that is locked


def runs_of_jobs(queue_root: Place, keys: Sequence[str]) -> dict[str, RunRow]:
    """Return the runs of jobs by the jobs' keys; those in a store that cannot be read now are left out."""
    with ExitStack() as stack:
        return {key: pair.run for key, pair in _found(_readers(stack, queue_root), keys).items()}


def failures_of_job(queue_root: Place, key: str) -> tuple[list[FailureGroup], int, int]:
    """Return the reasons of the failed cases of a job's run, the number of cases that ended, and of those that failed.

    Without the run, or while its store cannot be read, there are none.
    """
    with ExitStack() as stack:
        for reader in _readers(stack, queue_root):
            with suppress(UnavailableError):
                if found := reader.jobs([key]).get(key):
                    ended, failed = reader.count_cases(found.run)
                    outcomes = reader.failed_outcomes(found.run, MOST_READ) if failed else ()
                    return failure_groups(outcomes), ended, failed
    return [], 0, 0


def orphans(queue_root: Place, keys: Sequence[str]) -> list[str]:
    """Return the keys of those running jobs whose worker is dead, as their locks are free.

    Jobs with a lease, which may be on another host, are left out.
    """
    if isinstance(queue_root, RowsPlace):
        return _over(queue_root, keys)
    root = open_root(queue_root, write=False)
    if root is None:
        return []
    free = [key for key in keys if not locks.is_locked(root.locks_folder, key)]
    with ExitStack() as stack:
        rows = {key: pair.job for key, pair in _found(_readers(stack, queue_root), free).items()}
    return [key for key, row in rows.items() if row.state == "running" and row.lease_until_ms is None]


def _over(place: RowsPlace, keys: Sequence[str]) -> list[str]:
    """Return the keys of running jobs whose lease is over, by this machine's clock."""
    with ExitStack() as stack:
        rows = {key: pair.job for key, pair in _found(_readers(stack, place), keys).items()}
    now_ms = time.time_ns() / 1e6 - _CLOCKS_DIFFER_MS
    return [key for key, row in rows.items() if row.state == "running" and (row.lease_until_ms or 0) < now_ms]


def with_runs(queue_root: Place, jobs: Iterable[JobFile]) -> Iterator[tuple[JobFile, JobAndRun | None]]:
    """Yield jobs, each with its row and its run; None for one that no store has, or whose store cannot be read now."""
    left = iter(jobs)
    with ExitStack() as stack:
        readers = _readers(stack, queue_root)
        while page := list(islice(left, _PAGE)):
            found = _found(readers, [job.key for job in page if job.key is not None])
            yield from ((job, found.get(job.key or "")) for job in page)


def _readers(stack: ExitStack, queue_root: Place) -> list[StoreReader]:
    found = []
    for location in stores_of(queue_root):
        with suppress(UnavailableError):
            found.append(stack.enter_context(closing(reader_of(location, patience_s=_PATIENCE_S))))
    return found


def _found(readers: Sequence[StoreReader], keys: Sequence[str]) -> dict[str, JobAndRun]:
    found: dict[str, JobAndRun] = {}
    for reader in readers:
        with suppress(UnavailableError):
            found |= reader.jobs(keys)
    return found
