"""Liveness of a worker: by its lock on this host; on others, where locks do not reach, by its last heartbeat."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from themis.core.queue.folder import locks
from themis.core.stores.job_rows import Owner

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import WorkerReport

SILENT_S = 60.0
"""Seconds without a heartbeat after which a worker of another host is considered dead."""

FORGOTTEN_S = 86_400.0
"""Seconds without a heartbeat after which the files of a worker of another host are removed."""

_NS = 1_000_000_000


def is_alive(workers: Path, report: "WorkerReport", here: Owner) -> bool:
    """Whether the worker with a report lives; `workers` is the folder of the queue's workers, `here` this process."""
    if report.host == here.host:
        return locks.is_locked(workers, report.worker)
    return _silence_s(report) < SILENT_S


def is_forgotten(report: "WorkerReport") -> bool:
    """Whether a worker of another host has been silent for so long that its files may go."""
    return _silence_s(report) > FORGOTTEN_S


def _silence_s(report: "WorkerReport") -> float:
    return (time.time_ns() - report.heartbeat_ns) / _NS
