"""Registration of a worker in a queue: a file with its report, and a lock that proves that it is alive."""

import contextlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Self

from themis.core.errors import WorkerNameError
from themis.core.files import guarded
from themis.core.queue.folder import locks
from themis.core.queue.folder.worker_registry import check_name, report_file, stop_file
from themis.core.queue.folder.worker_report import WorkerReport
from themis.core.queue.model import layout
from themis.core.stores.job_rows import Owner

HEARTBEAT_S = 5.0
"""Seconds between heartbeats while nothing else changes."""


class Registration:
    """Registration of this process as a worker of a queue.

    Raises:
        WorkerNameError: the name is invalid, or a live worker has it.
    """

    def __init__(self, queue_root: Path, owner: Owner) -> None:
        """Register `owner` under the name of its worker; the lock is held from now on."""
        self._folder = queue_root / layout.WORKERS
        self.name = owner.worker
        check_name(self.name)
        self._report_file = report_file(queue_root, self.name)
        self._stop_file = stop_file(queue_root, self.name)
        lock = locks.acquire(self._folder, self.name)
        if lock is None:
            mend = f"choose another --name, or stop it first: themis worker stop {self.name}"
            raise WorkerNameError(name=self.name, detail=f"a worker of that name already runs on this queue; {mend}")
        self._lock = lock
        with contextlib.suppress(FileNotFoundError):
            self._stop_file.unlink()

    def write(self, report: WorkerReport) -> None:
        """Publish the worker's report; best effort, and never synced, as nobody needs it after a crash."""
        data = json.dumps(asdict(report), separators=(",", ":")).encode() + b"\n"
        with contextlib.suppress(OSError):
            guarded.replace(self._report_file, data)

    @property
    def stop_requested(self) -> bool:
        """Whether this worker was asked to stop; costs one stat."""
        return os.path.lexists(self._stop_file)

    def close(self) -> None:
        """Unregister: remove all files of this worker from the folder."""
        for path in (self._report_file, self._stop_file):
            with contextlib.suppress(OSError):
                path.unlink()
        if self._lock.is_held:
            with contextlib.suppress(OSError):
                self._lock.remove(self._folder)
        self._lock.release()

    def __enter__(self) -> Self:
        """Return the registration, which is already complete."""
        return self

    def __exit__(self, *_: object) -> None:
        """Unregister."""
        self.close()
