"""Rebuilding of a queue file that was emptied, damaged or removed, with the queue's id from the rows of its jobs.

With a wrong id no row would belong to this queue: every job would be foreign to it, and be rejected. So only a folder
without jobs gets a new id.
"""

import json
import os
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from themis.core.errors import QueueRootError, UnavailableError
from themis.core.files import guarded
from themis.core.queue.admin.findings import Finding
from themis.core.queue.folder import store_registry
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.root import publish_queue_file
from themis.core.queue.folder.store_registry import OpenStore
from themis.core.queue.model import layout
from themis.core.stores.job_rows import JobRow

_ENOUGH = 1_000
"""Number of jobs whose rows are read to find the id of their queue."""


def write_again(path: Path, open_store: OpenStore, why: QueueRootError, *, fix: bool) -> Finding:
    """Report the problem of the file of the queue at `path`; `fix` writes the file again.

    Raises:
        QueueRootError: the folder cannot be written.
    """
    file, problem = str(path / layout.QUEUE_FILE), str(why.facts.get("detail", why))
    keys = list(islice(_keys(path), _ENOUGH))
    rows, unusable = _rows(path, open_store, keys)
    ids = {row.queue_id for row in rows if row.key in set(keys)} or {row.queue_id for row in rows}
    if len(ids) > 1:
        return Finding(file, problem, advice="jobs of several queues are here; put the file back from a backup")
    if not ids and (keys or unusable):
        reason = f": {unusable[0]}" if unusable else ""
        return Finding(
            file, problem, advice=f"put the results store of its jobs back first, which has the queue's id{reason}"
        )
    if elsewhere := sorted({row.queue_root for row in rows if not _is_same(path, row.queue_root)}):
        advice = f"its jobs are in the queue at {elsewhere[0]}: put the file back from there, or from a backup"
        return Finding(file, problem, advice=advice)
    queue_id = next(iter(ids), None) or str(uuid.uuid4())
    if fix:
        publish_queue_file(path, queue_id, shared=_is_shared(path, rows))
    source = "with the id in the rows of its jobs" if ids else "with a new id, as it contains no job"
    return Finding(
        file, problem, f"written again {source}; a lease_s that was set in it must be added again", fixed=fix
    )


def _keys(path: Path) -> Iterator[str]:
    """Yield the keys of the jobs that have a file in a queue's folder."""
    for folder in layout.JOB_FOLDERS:
        if (path / folder).is_dir():
            found = (layout.parse(folder, name) for name in os.listdir(path / folder))  # noqa: PTH208  # very many
            yield from (entry.key for entry in found if entry is not None)


def _rows(path: Path, open_store: OpenStore, keys: list[str]) -> tuple[list[JobRow], list[str]]:
    """Return the rows of those jobs, and of others submitted here; and the reasons why stores cannot be read."""
    rows: list[JobRow] = []
    unusable: list[str] = []
    for address in store_registry.addresses_in(path):
        try:
            store = open_store(address)
            rows += [row for key in keys if (row := store.load(key)) is not None and row.queue_id]
            rows += [row for row in store.find("", _ENOUGH) if row.queue_id and row.queue_root == str(path)]
        except UnavailableError as error:
            unusable.append(str(error))
    return rows, unusable


def _is_same(path: Path, other: str) -> bool:
    """Whether two paths are the same folder: a copy must not take over the jobs of the original."""
    try:
        return other == str(path) or path.samefile(other)
    except OSError:
        return False


def _is_shared(path: Path, rows: list[JobRow]) -> bool:
    """Whether other hosts have used the queue, by the traces that they left: then every claim needs a lease again."""
    if any(row.lease_until_ms is not None for row in rows):
        return True
    here = this_process().host
    return any(host != here for host in _hosts(path))


def _hosts(path: Path) -> Iterator[object]:
    for file in sorted((path / layout.WORKERS).glob("*.json")):
        try:
            yield json.loads(guarded.read(file, layout.MAX_WORKER_FILE_BYTES)).get("host")
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
