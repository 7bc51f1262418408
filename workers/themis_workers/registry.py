"""This process among the workers of a queue: the file that says how it goes, and the lock that proves that it lives."""

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
    """This process's place among the workers of a queue.

    Raises:
        WorkerNameError: it cannot be a name, or a worker that lives has it.
    """

    def __init__(self, queue_root: Path, owner: Owner) -> None:
        """Register `owner` under its worker's name; the lock is held from now on."""
        self._folder = queue_root / layout.WORKERS
        self.name = owner.worker
        check_name(self.name)
        self._report_file = report_file(queue_root, self.name)
        self._stop_file = stop_file(queue_root, self.name)
        lock = locks.acquire(self._folder, self.name)
        if lock is None:
            raise WorkerNameError(name=self.name, detail="a worker of this queue that lives is called so already")
        self._lock = lock
        with contextlib.suppress(FileNotFoundError):
            self._stop_file.unlink()

    def write(self, report: WorkerReport) -> None:
        """Publish how the worker goes; best effort, never synced: it is of no use after a crash."""
        data = json.dumps(asdict(report), separators=(",", ":")).encode() + b"\n"
        with contextlib.suppress(OSError):
            guarded.replace(self._report_file, data)

    @property
    def stop_requested(self) -> bool:
        """Whether somebody asked this worker to stop; costs one stat."""
        return os.path.lexists(self._stop_file)

    def close(self) -> None:
        """Leave: nothing of this worker stays in the folder."""
        for path in (self._report_file, self._stop_file):
            with contextlib.suppress(OSError):
                path.unlink()
        if self._lock.is_held:
            with contextlib.suppress(OSError):
                self._lock.remove(self._folder)
        self._lock.release()

    def __enter__(self) -> Self:
        """Nothing more: it is registered."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self.close()
