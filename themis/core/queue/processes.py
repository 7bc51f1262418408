"""Who a worker is, and whether a process that was recorded is still the same one."""

import contextlib
import functools
import os
import signal
import socket
from pathlib import Path

from themis.core.stores.job_rows import Owner

# Of proc(5), counted after the command's closing parenthesis.
_STATE_FIELD = 0
PARENT_FIELD = 1
_START_TIME_FIELD = 19
_STOPPED = frozenset({"T", "t"})


def this_process(worker: str | None = None) -> Owner:
    """This process as a job's owner; `worker` is its name, by default host and pid."""
    pid = os.getpid()
    host, boot_id = _machine()
    return Owner(worker or f"{host}-{pid}", host, boot_id, pid, process_started(pid) or 0)


def process_started(pid: int) -> int | None:
    """When a process started, in clock ticks since the machine did; None when there is none, or nobody can say."""
    return _started(stat_fields(pid))


def is_suspended(owner: Owner | None) -> bool:
    """Whether an owner's process is on this machine and stopped: it keeps its locks, and does nothing."""
    if owner is None or not is_here(owner):
        return False
    fields = stat_fields(owner.pid)
    return _started(fields) == owner.pid_started and fields[_STATE_FIELD] in _STOPPED


def kill_job_of(owner: Owner | None) -> bool:
    """Kill the process group that ran a lost worker's job, if it had one of its own here and it still lives.

    A pid is used again; together with its start time it is not, and neither outlives the machine's start.
    """
    if owner is None or owner.job_pid is None or owner.job_pid_started is None:
        return False
    if not is_here(owner):
        return False
    if process_started(owner.job_pid) != owner.job_pid_started:
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(owner.job_pid, signal.SIGKILL)
        return True
    return False


def is_here(owner: Owner) -> bool:
    """Whether a worker is, or was, a process of this machine as it now runs."""
    return (owner.host, owner.boot_id) == _machine()


def lives(owner: Owner) -> bool:
    """Whether a worker's process is one of this machine, and still the same."""
    return is_here(owner) and process_started(owner.pid) == owner.pid_started


def stat_fields(pid: int | str) -> list[str]:
    """What the system says of a process, from its state on; nothing when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123  # of every process
            text = file.read()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _started(fields: list[str]) -> int | None:
    try:
        return int(fields[_START_TIME_FIELD])
    except (ValueError, IndexError):
        return None


@functools.cache
def _machine() -> tuple[str, str]:
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot_id = ""
    return socket.gethostname(), boot_id
