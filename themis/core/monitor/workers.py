"""The workers of a queue that live: what each slot runs, how many jobs are run at once, and what to do without any."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from themis.core.configuration.default_paths import DEFAULT_QUEUE_ROOT
from themis.core.queue.folder import processes
from themis.core.queue.folder.worker_registry import SeenWorker, workers_of
from themis.core.stores.job_rows import Owner

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import SlotReport


class LiveWorkers:
    """The workers of a queue, as their files say, and processes that run one job each."""

    def __init__(self, workers: Sequence[SeenWorker]) -> None:
        """The workers, dead ones too."""
        self._alive = {(seen.report.worker, seen.report.pid): seen.alive for seen in workers}
        self._reports = {
            (slot.key, slot.attempt): slot for seen in workers if seen.alive for slot in seen.report.slots if slot.key
        }
        self._slots = sum(len(seen.report.slots) for seen in workers if seen.alive and seen.report.state != "draining")

    def report(self, key: str, attempt: int) -> "SlotReport | None":
        """What the slot that runs an attempt says of it, if a registered worker has it."""
        return self._reports.get((key, attempt))

    def lives(self, owner: Owner) -> bool:
        """Whether the owner of a job lives; one of another host that nothing is known of is taken to."""
        known = self._alive.get((owner.worker, owner.pid))
        if known is not None:
            return known
        return processes.lives(owner) or not processes.is_here(owner)

    def slots(self, owners: Iterable[Owner]) -> int:
        """How many jobs are run at once: the slots of the workers, and the living `owners` that are not registered."""
        return self._slots + sum((o.worker, o.pid) not in self._alive and self.lives(o) for o in owners)


def start_one(queue_root: Path, tags: Sequence[str] = ()) -> str:
    """How to start a worker of a queue, as it is to be typed here."""
    wanted = ["--tags", ",".join(tags)] if tags else []
    where = [] if queue_root == Path(DEFAULT_QUEUE_ROOT).absolute() else ["--queue-root", str(queue_root)]
    return f"start one with: {shlex.join(['themis', 'worker', *where, *wanted])}"


def nobody_works(queue_root: Path, tags: Sequence[str] = ()) -> str | None:
    """What to do when no worker of a queue lives that has all `tags`; None when one does.

    Where jobs wait and nobody works, most often a worker was forgotten, not a queue broken. A `themis worker run` is
    not registered: where a job runs, somebody may work all the same.
    """
    if any(seen.alive and set(tags) <= set(seen.report.tags) for seen in workers_of(queue_root)):
        return None
    which = " with its tags" if tags else ""
    return f"no worker{which} is running; {start_one(queue_root, tags)}"
