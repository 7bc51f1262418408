"""Identity of processes: pid and start time, on one machine since its last start.

A pid is reused. A pid together with its start time is not, and neither is valid after a restart of the machine, or in
another PID namespace.
"""

import functools
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

# Field numbers of proc(5), counted after the command's closing parenthesis.
STATE_FIELD = 0
PARENT_FIELD = 1
_START_TIME_FIELD = 19
_TICKS_PER_S = 100


@dataclass(frozen=True, slots=True)
class Place:
    """The place in which a pid is valid.

    Attributes:
        boot_id: of the machine's last start; empty where the system does not say.
        namespace: number of the PID namespace; 0 where there is none, or it is not known.
    """

    boot_id: str
    namespace: int


@functools.cache
def machine() -> tuple[str, str]:
    """Return the host's name and the boot id of this machine; the latter is empty where the system does not say."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot_id = ""
    return socket.gethostname(), boot_id


def this_place() -> Place:
    """Return the place of this process, and of the processes that it sees under their own pids."""
    return Place(machine()[1], _namespace())


def process_started(pid: int) -> int | None:
    """Return the start time of a process, in clock ticks, which distinguishes it from a later one of the same pid.

    0 when the process exists and the system does not say, as where `/proc` is hidden; None when it does not exist.
    """
    fields = stat_fields(pid)
    if fields or stat_fields("self"):
        return started_in(fields)
    told = told_elsewhere(pid)
    if told is not None:
        return told[0]
    return 0 if _is_there(pid) else None


def stat_fields(pid: int | str) -> list[str]:
    """Return the fields of a process in `/proc`, from its state on; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123  # once for each process
            text = file.read()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def started_in(fields: list[str]) -> int | None:
    """Return the start time among the fields of a process; None when they are incomplete."""
    try:
        return int(fields[_START_TIME_FIELD])
    except (ValueError, IndexError):
        return None


def told_elsewhere(pid: int) -> tuple[int, bool] | None:
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


def _namespace() -> int:
    """Return the number of this process's PID namespace; 0 unless `/proc` shows processes under their pids in it."""
    try:
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return 0
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0
