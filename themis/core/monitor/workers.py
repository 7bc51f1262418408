"""Live workers of a queue: the job of each slot, the total of slots, and a hint when there is no worker."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT
from themis.core.monitor.places.what_is_there import workers_at
from themis.core.queue.folder import processes
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.model.queue_place import Place
from themis.core.stores.job_rows import Owner

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import SlotReport


class LiveWorkers:
    """The workers of a queue, from their files, and processes that run one job each."""

    def __init__(self, workers: Sequence[SeenWorker]) -> None:
        """Use all registered `workers`, dead ones too."""
        self._alive = {(seen.report.worker, seen.report.pid): seen.alive for seen in workers}
        self._reports = {
            (slot.key, slot.attempt): slot for seen in workers if seen.alive for slot in seen.report.slots if slot.key
        }
        self._slots = sum(len(seen.report.slots) for seen in workers if seen.alive and seen.report.state != "draining")

    def report(self, key: str, attempt: int) -> "SlotReport | None":
        """The report of the slot that runs an attempt; None if no registered worker has it."""
        return self._reports.get((key, attempt))

    def lives(self, owner: Owner) -> bool:
        """Whether the owner of a job lives; an unknown owner on another host is assumed to."""
        known = self._alive.get((owner.worker, owner.pid))
        if known is not None:
            return known
        return processes.lives(owner) or not processes.is_here(owner)

    def slots(self, owners: Iterable[Owner]) -> int:
        """Number of jobs that can run at once: the workers' slots, and the living `owners` that are not registered."""
        return self._slots + sum((o.worker, o.pid) not in self._alive and self.lives(o) for o in owners)


def calls_document(slot: "SlotReport | None") -> dict[str, Any]:
    """The limits of the providers that a slot's run asks, and the call that has stalled, as JSON."""
    limits = () if slot is None else slot.limits
    stalled = None if slot is None else slot.stalled
    return {"limits": [asdict(state) for state in limits], "stalled": asdict(stalled) if stalled is not None else None}


def start_one(queue_root: Place, tags: Sequence[str] = ()) -> str:
    """A hint with the command line that starts a worker of a queue from this folder."""
    wanted = ["--tags", ",".join(tags)] if tags else []
    where = [] if queue_root == Path(DEFAULT_QUEUE_ROOT).absolute() else ["--queue-root", str(queue_root)]
    return f"start one with: {shlex.join(['themis', 'worker', *where, *wanted])}"


def nobody_works(queue_root: Place, tags: Sequence[str] = ()) -> str | None:
    """A hint when no live worker of a queue has all `tags`; None when one has.

    If jobs wait and no worker runs, somebody most likely forgot to start one. `themis worker run` is not registered: if
    a job is running, there may be a worker all the same.
    """
    if any(seen.alive and set(tags) <= set(seen.report.tags) for seen in workers_at(queue_root)):
        return None
    which = " with its tags" if tags else ""
    return f"no worker{which} is running; {start_one(queue_root, tags)}"
