"""Worker context: the queue, stores and identity that all parts of a worker share."""

import shlex
from dataclasses import dataclass

from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.port import Queue
from themis.core.stores.job_rows import Owner
from themis_workers.memory_limits import CgroupFolder
from themis_workers.telemetry.systemd import Notifier


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """Values that stay the same while a worker runs.

    Attributes:
        queue: to claim jobs from.
        stores: cache that opens the stores of the queue.
        owner: this process, under the worker's name.
        rescan_s: seconds between scans of the queue's folders when nothing else wakes the worker.
        cgroups: folder for cgroups with memory limits; None where the kernel cannot enforce them.
        notifier: connection to systemd, if systemd started this process.
    """

    queue: Queue
    stores: StoreCache
    owner: Owner
    rescan_s: float
    cgroups: CgroupFolder | None
    notifier: Notifier

    @property
    def stop_command(self) -> str:
        """Command that ends this worker, from anywhere on this machine."""
        return shlex.join(["themis", "worker", "stop", self.owner.worker, "--queue-root", str(self.queue.place)])
