"""Who works on a queue: the workers that are registered, and processes that run one job each."""

from collections.abc import Iterable, Sequence

from themis.core.queue import processes
from themis.core.stores.job_rows import Owner
from workers.registry import SeenWorker, SlotReport


class Crew:
    """The workers of a queue, as their files say."""

    def __init__(self, workers: Sequence[SeenWorker]) -> None:
        """The workers, dead ones too."""
        self._alive = {(seen.report.worker, seen.report.pid): seen.alive for seen in workers}
        self._reports = {
            (slot.key, slot.attempt): slot for seen in workers if seen.alive for slot in seen.report.slots if slot.key
        }
        self._slots = sum(len(seen.report.slots) for seen in workers if seen.alive and seen.report.state != "draining")

    def report(self, key: str, attempt: int) -> SlotReport | None:
        """What the slot that runs an attempt says of it, if a registered worker has it."""
        return self._reports.get((key, attempt))

    def lives(self, owner: Owner) -> bool:
        """Whether the owner of a job lives; one of another host that nothing is known of is taken to."""
        known = self._alive.get((owner.worker, owner.pid))
        if known is not None:
            return known
        return processes.lives(owner) or not processes.is_here(owner)

    def slots(self, owners: Iterable[Owner]) -> int:
        """How many jobs are run at once: the slots of the workers, and the `owners` that live and are none of them."""
        return self._slots + sum((o.worker, o.pid) not in self._alive and self.lives(o) for o in owners)
