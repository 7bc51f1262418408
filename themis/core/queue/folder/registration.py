"""Registration of a worker in a queue's folder: a file with its report, and a lock that proves that it is alive."""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

from themis.core.errors import WorkerNameError
from themis.core.files import guarded
from themis.core.queue.folder import locks, worker_registry
from themis.core.queue.folder.worker_registry import SeenWorker, check_name, report_file, stop_file
from themis.core.queue.model import layout
from themis.core.stores.job_rows import Owner

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import WorkerReport


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

    def write(self, report: "WorkerReport") -> None:
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


class FolderWorkers:
    """Workers of the queue in a folder."""

    def __init__(self, queue_root: Path) -> None:
        """Find the workers of the queue in `queue_root`."""
        self._root = queue_root

    def seen(self) -> list[SeenWorker]:
        """Return every registered worker, by name, also dead ones; none when there is no queue."""
        return worker_registry.workers_of(self._root)

    def request_stop(self, names: Sequence[str]) -> None:
        """Ask workers to take no more jobs and to end after the jobs that they run."""
        worker_registry.request_stop(self._root, names)

    def forget_dead(self) -> None:
        """Remove the files of dead workers: of this host at once, of other hosts after a long silence."""
        worker_registry.forget_dead(self._root)
