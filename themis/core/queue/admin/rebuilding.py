"""A queue whose own file was emptied, damaged or removed: its id is known from the rows of the jobs that lie in it.

Without the right id no row is this queue's: every job would be a stranger to it, and be rejected. So a new id is given
to a folder without jobs only.
"""

import json
import os
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from themis.core.errors import QueueRootError, UnavailableError
from themis.core.files import guarded
from themis.core.queue.admin.doctor import Finding
from themis.core.queue.folder import store_registry
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.root import publish_queue_file
from themis.core.queue.folder.store_registry import OpenStore
from themis.core.queue.model import layout
from themis.core.stores.job_rows import JobRow

_ENOUGH = 1_000
"""So many jobs are asked which queue they are in."""


def write_again(path: Path, open_store: OpenStore, why: QueueRootError, *, fix: bool) -> Finding:
    """Problem of the queue file at `path`; with `fix` the file is written again.

    Raises:
        QueueRootError: the folder cannot be written.
    """
    file, problem = str(path / layout.QUEUE_FILE), str(why.facts.get("detail", why))
    keys = list(islice(_keys(path), _ENOUGH))
    rows, unusable = _rows(path, open_store, keys)
    ids = {row.queue_id for row in rows if row.key in set(keys)} or {row.queue_id for row in rows}
    if len(ids) > 1:
        return Finding(file, problem, advice="jobs of several queues lie here; put the file back from a backup")
    if not ids and (keys or unusable):
        reason = f": {unusable[0]}" if unusable else ""
        return Finding(
            file, problem, advice=f"put the results store of its jobs back first, which knows its id{reason}"
        )
    if elsewhere := sorted({row.queue_root for row in rows if not _is_same(path, row.queue_root)}):
        advice = f"its jobs are in the queue at {elsewhere[0]}: put the file back from there, or from a backup"
        return Finding(file, problem, advice=advice)
    queue_id = next(iter(ids), None) or str(uuid.uuid4())
    if fix:
        publish_queue_file(path, queue_id, shared=_is_shared(path, rows))
    source = "with the id that the rows of its jobs have" if ids else "with a new id, as no job lies in it"
    return Finding(file, problem, f"written again {source}; a lease_s that stood in it is not known", fixed=fix)


def _keys(path: Path) -> Iterator[str]:
    """The keys of the jobs whose files lie in a queue's folder."""
    for folder in layout.JOB_FOLDERS:
        if (path / folder).is_dir():
            found = (layout.parse(folder, name) for name in os.listdir(path / folder))  # noqa: PTH208  # very many
            yield from (entry.key for entry in found if entry is not None)


def _rows(path: Path, open_store: OpenStore, keys: list[str]) -> tuple[list[JobRow], list[str]]:
    """The rows of those jobs, and of others that were submitted here; and why stores could not be asked."""
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
    """Whether two paths lead to one folder: where a copy lies, the original's jobs are not to be taken for its own."""
    try:
        return other == str(path) or path.samefile(other)
    except OSError:
        return False


def _is_shared(path: Path, rows: list[JobRow]) -> bool:
    """Whether more hosts than this one have used the queue, as far as can be told: then all must take leases again."""
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
