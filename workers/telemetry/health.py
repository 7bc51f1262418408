"""A file that says how a worker goes, for probes that can only run a command: Docker's, Kubernetes', cron's."""

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core import guarded_files
from themis.core.errors import ConfigError
from themis.core.lines import one_line

if TYPE_CHECKING:  # a probe runs every few seconds: it imports nothing that only the worker needs
    from workers.registry import WorkerReport

MAX_AGE_S = 30.0
"""A heartbeat that is older, in seconds, is that of a worker that hangs; one comes every 5 s."""

_FILE_MODE = 0o644  # less the umask: the probe may be another user's
_MAX_FILE_BYTES = 65_536
_NS = 1_000_000_000


class HealthFile:
    """A worker's health file.

    Raises:
        ConfigError: its folder is not there, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        folder = self._path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(where=f"health file {path}", detail=f"{folder} is no folder that can be written")

    def write(self, report: "WorkerReport") -> None:
        """Say how the worker goes. What cannot be written is not: the probe then sees an old heartbeat."""
        document = {
            "worker": report.worker,
            "pid": report.pid,
            "state": report.state,
            "why": report.why,
            "heartbeat_ns": report.heartbeat_ns,
            "slots": {"total": len(report.slots), "busy": report.busy},
        }
        data = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        with contextlib.suppress(OSError):
            guarded_files.replace(self._path, data, _FILE_MODE)

    def remove(self) -> None:
        """Take the file away: the worker has ended."""
        with contextlib.suppress(OSError):
            self._path.unlink()


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe finds.

    Attributes:
        is_healthy: whether the worker's heart has beaten lately. One that drains, or waits for a disk, is healthy: to
            start it anew would better nothing.
        line: that, for people.
    """

    is_healthy: bool
    line: str


def health_of(path: Path, max_age_s: float = MAX_AGE_S) -> Health:
    """The health of the worker that writes the file `path`, whose last heartbeat may be `max_age_s` seconds old."""
    try:
        with path.open("rb") as file:
            found: Any = json.loads(file.read(_MAX_FILE_BYTES))
        age_s = (time.time_ns() - found["heartbeat_ns"]) / _NS
        state, slots = one_line(str(found["state"])), found["slots"]
        line = f"{state}, {slots['busy']:d} of {slots['total']:d} slots busy, heartbeat {age_s:.1f} s ago"
    except OSError as error:
        return Health(is_healthy=False, line=f"{path}: cannot be read: {error.strerror}; does the worker run?")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Health(is_healthy=False, line=f"{path}: is no health file of a worker")
    if not abs(age_s) <= max_age_s:  # one of the future says nothing either: the clock was set back; nor does NaN
        return Health(is_healthy=False, line=f"{line}, which is more than {max_age_s:g} s")
    return Health(is_healthy=True, line=line)
