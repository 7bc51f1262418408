"""Jobs of a queue that a text names, by the rule of `targets`."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from themis.core.errors import UnavailableError, UnknownTargetError
from themis.core.monitor.stores import stores_of, unusable_stores
from themis.core.monitor.targets import MOST_MATCHES, Match, TargetText, listed, matches_of, run_in
from themis.core.queue.folder.root import open_root
from themis.core.stores.job_rows import JobRow
from themis.core.stores.reading import StoreReader
from themis.core.stores.registry import reader_of


def jobs_named(queue_root: Path, target: TargetText, *, most: int = MOST_MATCHES) -> list[tuple[JobRow, Match]]:
    """Return the jobs of a queue that a text names, each with what was found; none if a store cannot be read now.

    Then the job may be in that store: asking the queue for it by its key says so.

    Raises:
        UnknownTargetError: there is none, and every store was searched.
    """
    return _jobs(queue_root, lambda readers: matches_of(target, readers, most=most))


def jobs_of_run(queue_root: Path, run_id: str) -> list[tuple[JobRow, Match]]:
    """Return the jobs of a queue that carry out a run; raises as `jobs_named` does."""

    def found(readers: list[StoreReader]) -> list[Match]:
        matches = run_in(run_id, readers)
        if not matches:
            raise UnknownTargetError(target=run_id, detail="no store of this queue has this run")
        return matches

    return _jobs(queue_root, found)


def _jobs(queue_root: Path, find: Callable[[list[StoreReader]], list[Match]]) -> list[tuple[JobRow, Match]]:
    root = open_root(queue_root, write=False)
    if root is None:
        return []
    with ExitStack() as stack:
        readers, is_whole = [], not unusable_stores(root)
        for location in stores_of(queue_root):
            reader = stack.enter_context(closing(reader_of(location)))
            try:
                _ = reader.store_id
            except UnavailableError:
                continue
            readers.append(reader)
        try:
            matches = find(readers)
        except UnknownTargetError:
            if is_whole:
                raise
            return []
    found = [(match.job, match) for match in matches if match.job is not None and match.job.queue_id == root.queue_id]
    if not found and is_whole:
        raise UnknownTargetError(target=listed(matches), detail="has no job in this queue")
    return found
