"""The health file of a worker, for probes that can only run a command: Docker, Kubernetes, cron."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core.text.lines import one_line

if TYPE_CHECKING:  # a probe runs every few seconds: it imports nothing that only the worker needs
    from themis.core.queue.folder.worker_report import WorkerReport

MAX_AGE_S = 30.0
"""Age in seconds above which a heartbeat means that the worker hangs; there is one every 5 s."""

_MAX_FILE_BYTES = 65_536
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a probe.

    Attributes:
        is_healthy: whether the last heartbeat is recent. A worker that drains, or waits for a disk, is healthy:
            restarting it would not help.
        line: the result as a line for people.
    """

    is_healthy: bool
    line: str


def encode(report: "WorkerReport") -> bytes:
    """The content of the health file for a worker's report."""
    document = {
        "worker": report.worker,
        "pid": report.pid,
        "state": report.state,
        "why": report.why,
        "heartbeat_ns": report.heartbeat_ns,
        "slots": {"total": len(report.slots), "busy": report.busy},
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def health_of(path: Path, max_age_s: float = MAX_AGE_S) -> Health:
    """The health of the worker that writes the file `path`; its last heartbeat may be up to `max_age_s` old."""
    try:
        with path.open("rb") as file:
            found: Any = json.loads(file.read(_MAX_FILE_BYTES))
        age_s = (time.time_ns() - found["heartbeat_ns"]) / _NS
        state, slots = one_line(str(found["state"])), found["slots"]
        line = f"{state}, {slots['busy']:d} of {slots['total']:d} slots busy, heartbeat {age_s:.1f} s ago"
    except OSError as error:
        return Health(is_healthy=False, line=f"{path}: cannot be read: {error.strerror}; is the worker running?")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Health(is_healthy=False, line=f"{path}: is not the health file of a worker")
    if not is_beating(found["heartbeat_ns"], max_age_s):
        return Health(is_healthy=False, line=f"{line}, which is more than {max_age_s:g} s")
    return Health(is_healthy=True, line=line)


def is_beating(heartbeat_ns: int, max_age_s: float = MAX_AGE_S) -> bool:
    """Whether a heartbeat, in nanoseconds since 1970 UTC, is at most `max_age_s` seconds old.

    One that is further in the future than that does not count: the clock was set back. Neither does NaN.
    """
    return abs(time.time_ns() - heartbeat_ns) <= max_age_s * _NS
