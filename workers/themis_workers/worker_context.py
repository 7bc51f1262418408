"""Where a worker is, and what it works on."""

import shlex
from dataclasses import dataclass

from themis.core.jobs.store_cache import StoreCache
from themis.core.queue import FileQueue
from themis.core.stores.job_rows import Owner
from themis_workers.memory import CgroupFolder
from themis_workers.telemetry.systemd import Notifier


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What stays the same as long as a worker lives.

    Attributes:
        queue: to take jobs from.
        stores: that opened the queue's stores.
        owner: this process, under the worker's name.
        rescan_s: seconds between looks into the queue's folders, where nothing else wakes the worker.
        cgroups: where the kernel can be made to hold memory limits, if anywhere.
        notifier: speaks to systemd, where that started this process.
    """

    queue: FileQueue
    stores: StoreCache
    owner: Owner
    rescan_s: float
    cgroups: CgroupFolder | None
    notifier: Notifier

    @property
    def stop_command(self) -> str:
        """What somebody may type anywhere on this machine to have this worker end."""
        return shlex.join(["themis", "worker", "stop", self.owner.worker, "--queue-root", str(self.queue.path)])
