"""Registry of a queue's workers, in files: identity of each, what it runs, whether it lives, and requests to stop.

workers/<worker>.json    identity, start time and what it runs; written again with every heartbeat
workers/<worker>.lock    held while the worker lives; on another host, where locks do not reach, the heartbeat counts
workers/<worker>.stop    request to stop
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core.errors import WorkerNameError
from themis.core.files import durable, guarded
from themis.core.queue.folder import bell, locks
from themis.core.queue.folder.processes import this_process
from themis.core.queue.folder.worker_liveness import SILENT_S, is_alive, is_forgotten
from themis.core.queue.model import layout

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import WorkerReport

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """Worker with a file in the queue.

    Attributes:
        report: content of the file.
        alive: whether it lives, by its lock; by its heartbeat when it is on another host.
    """

    report: "WorkerReport"
    alive: bool

    @property
    def state(self) -> str:
        """State in one word: as reported, or `dead`."""
        return self.report.state if self.alive else "dead"

    @property
    def busy(self) -> int:
        """Number of busy slots."""
        return self.report.busy if self.alive else 0

    def document(self) -> dict[str, Any]:
        """Return the worker as JSON."""
        return {"alive": self.alive, **asdict(self.report)}


def check_name(name: str) -> None:
    """Refuse an invalid name of a worker.

    Raises:
        WorkerNameError: the name is invalid.
    """
    if not _NAME.fullmatch(name):
        detail = "use letters, digits, '.', '_' and '-', at most 100, the first a letter or digit"
        raise WorkerNameError(name=name, detail=detail)


def workers_of(queue_root: Path) -> list[SeenWorker]:
    """Return every worker with a file in the queue, by name, also dead ones. Empty when there is no queue."""
    folder = queue_root / layout.WORKERS
    here = this_process()
    return [SeenWorker(report, is_alive(folder, report, here)) for report in reports_of(queue_root)]


def reports_of(queue_root: Path) -> Iterator["WorkerReport"]:
    """Return the reports of a queue's workers, by name, whether they live or not."""
    for path in sorted((queue_root / layout.WORKERS).glob("*.json")):
        report = _read(path)
        if report is not None:
            yield report


def report_of(queue_root: Path, name: str) -> "WorkerReport | None":
    """Return the report of a worker, whether it lives or not; None when there is none that can be read."""
    return _read(report_file(queue_root, name)) if _NAME.fullmatch(name) else None


def report_file(queue_root: Path, name: str) -> Path:
    """Return the path of a worker's report."""
    return queue_root / layout.WORKERS / f"{name}.json"


def stop_file(queue_root: Path, name: str) -> Path:
    """Return the path of the file that asks a worker to stop."""
    return queue_root / layout.WORKERS / f"{name}.stop"


def request_stop(queue_root: Path, names: Sequence[str]) -> None:
    """Ask workers to take no more jobs and to end after the jobs that they run."""
    for name in names:
        durable.mark(stop_file(queue_root, name))
    bell.ring(queue_root)


def forget_dead(queue_root: Path) -> None:
    """Remove the files of dead workers: of this host at once, of other hosts after a long silence."""
    folder = queue_root / layout.WORKERS
    here = this_process().host
    gone = []
    for seen in workers_of(queue_root):
        if not seen.alive and (seen.report.host == here or is_forgotten(seen.report)):
            gone.append(seen.report.worker)
            for file_of in (report_file, stop_file):
                with contextlib.suppress(OSError):
                    file_of(queue_root, seen.report.worker).unlink()
    with contextlib.suppress(OSError):
        locks.remove_unused(folder, [*gone, *_locks_without_report(folder)])


def _locks_without_report(folder: Path) -> list[str]:
    """Return the names with a lock and no report that are too old for a worker that is just registering."""
    with os.scandir(folder) as files:
        old = [
            file.name.removesuffix(".lock")
            for file in files
            if file.name.endswith(".lock") and time.time() - file.stat(follow_symlinks=False).st_mtime > SILENT_S
        ]
    return [name for name in old if _NAME.fullmatch(name) and not (folder / f"{name}.json").exists()]


def _read(path: Path) -> "WorkerReport | None":
    """Read a worker's report; None when it is unreadable, so that the others are shown. Ignores unknown fields."""
    from themis.core.queue.folder import worker_report  # noqa: PLC0415  # pydantic costs 100 ms, and many have no worker

    try:
        report = worker_report.decode(guarded.read(path, layout.MAX_WORKER_FILE_BYTES))
    except (OSError, ValueError):
        return None
    return report if report.worker == path.stem and _NAME.fullmatch(report.worker) else None
