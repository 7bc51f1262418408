"""Health file of a worker, for probes."""

import contextlib
import os
from pathlib import Path

from themis.core.errors import ConfigError
from themis.core.files import guarded
from themis.core.monitor import health
from themis.core.queue.folder.worker_report import WorkerReport

_FILE_MODE = 0o644  # less the umask: the probe may run as another user


class HealthFile:
    """A worker's health file.

    Raises:
        ConfigError: its folder does not exist, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        folder = self._path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(where=f"health file {path}", detail=f"{folder} is not a writable folder")

    def write(self, report: WorkerReport) -> None:
        """Write the worker's report; best effort: if that fails, the probe sees an old heartbeat."""
        with contextlib.suppress(OSError):
            guarded.replace(self._path, health.encode(report), _FILE_MODE)

    def remove(self) -> None:
        """Remove the file, as the worker ends."""
        with contextlib.suppress(OSError):
            self._path.unlink()
