"""Processes of workers: identity of this one, and whether a recorded process is still the same."""

import contextlib
import os
import signal

from themis.core.processes import identity
from themis.core.stores.job_rows import Owner

_STOPPED = frozenset({"T", "t"})


def this_process(worker: str | None = None) -> Owner:
    """Return this process as a job's owner; `worker` is its name, by default host and pid."""
    pid = os.getpid()
    host, boot_id = identity.machine()
    return Owner(worker or f"{host}-{pid}", host, boot_id, pid, identity.process_started(pid) or 0)


def is_suspended(owner: Owner | None) -> bool:
    """Whether an owner's process is on this machine and stopped: it keeps its locks, and does nothing."""
    if owner is None or not lives(owner):
        return False
    if fields := identity.stat_fields(owner.pid):
        return fields[identity.STATE_FIELD] in _STOPPED
    told = identity.told_elsewhere(owner.pid)
    return told is not None and told[1]


def kill_job_of(owner: Owner | None) -> bool:
    """Kill the process group that ran a lost worker's job, if it was on this machine and is still alive.

    A pid is reused; a pid together with its start time is not, and neither is valid after a restart of the machine.
    """
    if owner is None or owner.job_pid is None or owner.job_pid_started is None:
        return False
    if not is_here(owner):
        return False
    started = identity.process_started(owner.job_pid)
    if not started or started != owner.job_pid_started:  # the pid alone may now belong to another process
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(owner.job_pid, signal.SIGKILL)
        return True
    return False


def is_here(owner: Owner) -> bool:
    """Whether a worker's process belongs, or belonged, to this machine since its last start."""
    return (owner.host, owner.boot_id) == identity.machine()


def lives(owner: Owner) -> bool:
    """Whether a worker's process is on this machine, and still the same."""
    return is_here(owner) and identity.process_started(owner.pid) == owner.pid_started
