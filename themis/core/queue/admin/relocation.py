"""Relocation: update all paths of a queue that was moved or copied, as the operator says.

What was moved with the project's folder is found again below the new one: results stores, and in manifests and
snapshots the config file, the folders that components are imported from, and datasets in files. A moved queue stays the
same queue. A copied one becomes a queue of its own, with an id derived from its location: it keeps the jobs whose store
was copied with it, and drops everything that is in a store of the original.

The queue's own file is written last: after a crash before that, the same command starts over, and nothing is done
twice.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from themis.core.errors import ManifestError, QueueRootError, UnavailableError
from themis.core.files import durable
from themis.core.queue.folder import journal, location, locks
from themis.core.queue.folder.location import QueueLocation, Whereabouts
from themis.core.queue.folder.root import QueueRoot, open_root, read_queue_file, whereabouts, write_queue_file
from themis.core.queue.folder.store_registry import OpenStore, StoreRegistry, rows_of
from themis.core.queue.model import layout, manifest_file, states
from themis.core.queue.model.states import AttemptOutcome, Cause, JobState
from themis.core.queue.model.store_address import StoreAddress
from themis.core.queue.transitions import moves
from themis.core.queue.transitions.moves import Move
from themis.core.stores.job_rows import Change, JobRow
from themis.core.stores.job_store import JobStore

Told = Literal["moved", "copied"]
Rebase = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Relocated:
    """Result of the relocation of a queue.

    Attributes:
        was: the recorded path of the queue.
        stores: stores that were found again, by their new paths.
        jobs: number of jobs whose paths were checked.
        left: jobs that were locked, and are unchanged.
        let_go: paths of stores that belong to the original alone; their jobs are no longer in this queue.
    """

    was: str
    stores: tuple[str, ...]
    jobs: int
    left: tuple[str, ...]
    let_go: tuple[str, ...] = ()


def relocate(path: Path, open_store: OpenStore, told: Told) -> Relocated | None:
    """Update the paths of a queue; None when it is at its recorded path.

    Args:
        path: its folder.
        open_store: opens a store; must not make one.
        told: whether it was moved or copied, as the operator says.

    Raises:
        QueueRootError: there is no queue, or `told` is evidently wrong.
    """
    root = open_root(path, write=False)
    if root is None:
        raise QueueRootError(path=path, detail="there is no queue; the first submit makes it")
    found, recorded = whereabouts(root.path)
    if recorded is None or found is Whereabouts.HOME:
        return None
    if (told, found) in {("moved", Whereabouts.COPIED), ("copied", Whereabouts.MOVED)}:
        problem, advice = location.explain(found, recorded)
        raise QueueRootError(path=root.path, detail=f"was not {told}: it {problem}; {advice}")
    return _Relocation(root, open_store, recorded, told).carry_out()


class _Relocation:
    """Relocation of one queue."""

    def __init__(self, root: QueueRoot, open_store: OpenStore, recorded: QueueLocation, told: Told) -> None:
        self._root = root
        self._now = location.here(root.path)
        self._recorded = recorded
        self._rebase = location.rebase(recorded.path, str(root.path))
        self._project = location.projects(recorded.path, str(root.path))[1]
        self._open_store = open_store
        self._copy_id = location.id_of_copy(root.queue_id, self._now) if told == "copied" else None
        self._let_go: list[str] = []
        self._left: list[str] = []

    def carry_out(self) -> Relocated:
        stores = [address.path for address in self._bring_stores()]
        registry = StoreRegistry(self._root, self._open_store)
        jobs = 0
        for store, row in list(rows_of(self._root, registry)):
            jobs += 1
            if not self._bring_job(registry, store, row):
                self._left.append(row.key)
        if self._left:
            return self._result(stores, jobs)  # to be repeated once they are not locked
        if self._copy_id is not None:
            self._forget_workers()
        document = location.tell(read_queue_file(self._root.path), self._now)
        if self._copy_id is not None:
            document["queue_id"] = self._copy_id
        write_queue_file(self._root.path, document)
        return self._result(stores, jobs)

    def _result(self, stores: list[str], jobs: int) -> Relocated:
        return Relocated(self._recorded.path, tuple(stores), jobs, tuple(self._left), tuple(self._let_go))

    def _bring_stores(self) -> Iterator[StoreAddress]:
        """Write the current location of each store; a copy forgets those that were not copied with it."""
        for address in StoreRegistry(self._root, self._open_store).addresses():
            there = address.moved(self._rebase)
            target = self._root.path / layout.STORES / f"{address.id}.json"
            if there != address and self._is(there):
                document = {"kind": there.kind, "path": there.path, "id": there.id}
                durable.publish(self._root.hidden_name(), target, json.dumps(document).encode() + b"\n")
                yield there
            elif self._copy_id is not None and not any(Path(p).is_relative_to(self._project) for p in address.paths):
                durable.unlink(target)
                self._let_go.append(address.path)

    def _is(self, address: StoreAddress) -> bool:
        try:
            return self._open_store(address).store_id == address.id
        except UnavailableError:
            return False

    def _bring_job(self, registry: StoreRegistry, store: JobStore, row: JobRow) -> bool:
        """Update a job's row, manifest, file and snapshot; False when the job is locked."""
        lock = locks.acquire(self._root.locks_folder, row.key)
        if lock is None:
            return False
        try:
            now = store.load(row.key)
            if now is None or now.queue_id != self._root.queue_id:
                return True
            text = self._manifest_now(registry, store.manifest(row.key))
            store.move_run(row.run_id, lambda _, path: self._rebase(path))
            if text is not None:
                for path in moves.locate(self._root, now):
                    durable.publish(self._root.hidden_name(), path, text.encode())
            if moves.make(self._root, store, now, Move(self._row_now, manifest=text), time.time_ns()) is None:
                return False
        finally:
            lock.release()
        if self._copy_id is not None and now.state == JobState.RUNNING:
            journal.note(self._root.folder(layout.JOURNAL), row.key, "give back", why="its queue was copied")
        return True

    def _row_now(self, row: JobRow) -> Change:
        """Return the row's change for the new location; a copy gives back a running job, and kills no process."""
        if self._copy_id is None:
            return Change(row._replace(version=row.version + 1, queue_root=self._now.path))
        change = Change(row._replace(version=row.version + 1))
        if row.state == JobState.RUNNING:
            change = states.settled(row, AttemptOutcome(Cause.GIVEN_BACK, "its queue was copied"), time.time_ns(), 0.0)
        return replace(change, row=change.row._replace(queue_id=self._copy_id, queue_root=self._now.path))

    def _manifest_now(self, registry: StoreRegistry, text: str | None) -> str | None:
        """Return the text of a manifest with the current paths; None when nothing changes."""
        if text is None:
            return None
        try:
            manifest = manifest_file.decode(text.encode(), "", key=None)
            moved = replace(
                manifest, store=registry.where(manifest.store), payload=_mapped(manifest.payload, self._rebase)
            )
            return None if moved == manifest else manifest_file.encode(moved).decode("ascii")
        except ManifestError:
            return None  # reported when the job is claimed

    def _forget_workers(self) -> None:
        """Remove the workers registered in a copy: they are the original's."""
        folder = self._root.folder(layout.WORKERS)
        for name in os.listdir(folder):  # noqa: PTH208  # names only
            durable.unlink(f"{folder}/{name}")


def _mapped(value: Any, rebase: Rebase) -> Any:
    """Return a JSON value with every path in it mapped."""
    if isinstance(value, str):
        return rebase(value) if value.startswith("/") else value
    if isinstance(value, list):
        return [_mapped(item, rebase) for item in value]
    if isinstance(value, dict):
        return {name: _mapped(item, rebase) for name, item in value.items()}
    return value
