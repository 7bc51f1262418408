"""Processes of workers: identity of this one, and whether a recorded process is still the same."""

import contextlib
import functools
import os
import signal
import socket
import sys
from pathlib import Path

from themis.core.stores.job_rows import Owner

# Field numbers of proc(5), counted after the command's closing parenthesis.
_STATE_FIELD = 0
PARENT_FIELD = 1
_START_TIME_FIELD = 19
_TICKS_PER_S = 100
_STOPPED = frozenset({"T", "t"})


def this_process(worker: str | None = None) -> Owner:
    """Return this process as a job's owner; `worker` is its name, by default host and pid."""
    pid = os.getpid()
    host, boot_id = _machine()
    return Owner(worker or f"{host}-{pid}", host, boot_id, pid, process_started(pid) or 0)


def process_started(pid: int) -> int | None:
    """Return the start time of a process, in clock ticks, which distinguishes it from a later one of the same pid.

    0 when the process exists and the system does not say, as where `/proc` is hidden; None when it does not exist.
    """
    fields = stat_fields(pid)
    if fields or stat_fields("self"):
        return _started(fields)
    told = _told_elsewhere(pid)
    if told is not None:
        return told[0]
    return 0 if _is_there(pid) else None


def is_suspended(owner: Owner | None) -> bool:
    """Whether an owner's process is on this machine and stopped: it keeps its locks, and does nothing."""
    if owner is None or not lives(owner):
        return False
    if fields := stat_fields(owner.pid):
        return fields[_STATE_FIELD] in _STOPPED
    told = _told_elsewhere(owner.pid)
    return told is not None and told[1]


def kill_job_of(owner: Owner | None) -> bool:
    """Kill the process group that ran a lost worker's job, if it was on this machine and is still alive.

    A pid is reused; a pid together with its start time is not, and neither is valid after a restart of the machine.
    """
    if owner is None or owner.job_pid is None or owner.job_pid_started is None:
        return False
    if not is_here(owner):
        return False
    started = process_started(owner.job_pid)
    if not started or started != owner.job_pid_started:  # the pid alone may now belong to another process
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(owner.job_pid, signal.SIGKILL)
        return True
    return False


def is_here(owner: Owner) -> bool:
    """Whether a worker's process belongs, or belonged, to this machine since its last start."""
    return (owner.host, owner.boot_id) == _machine()


def lives(owner: Owner) -> bool:
    """Whether a worker's process is on this machine, and still the same."""
    return is_here(owner) and process_started(owner.pid) == owner.pid_started


def stat_fields(pid: int | str) -> list[str]:
    """Return the fields of a process in `/proc`, from its state on; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123  # once for each process
            text = file.read()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _told_elsewhere(pid: int) -> tuple[int, bool] | None:
    """Return a process's start time, and whether it is stopped, on systems other than Linux; None where unknown."""
    if sys.platform == "linux":  # it reads `/proc` there, and reports every process as dead where that is hidden
        return None
    import psutil  # noqa: PLC0415  # not needed on Linux

    try:
        process = psutil.Process(pid)
        return int(process.create_time() * _TICKS_PER_S), process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return None


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return pid > 0


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
