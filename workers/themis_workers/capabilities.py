"""Capabilities: which of the things that only Linux offers this machine, and this process, may use.

Everything else in the package asks here, and does without where the answer is no.
"""

import errno
import functools
import os
import socket
import sys

from themis.core.errors import IsolationError
from themis.core.processes.isolation import AUTO, Isolation
from themis.core.queue.folder import processes
from themis_workers import linux

_MOST_ERRNO = 255


def controls_processes() -> bool:
    """Whether a process can die with its parent, adopt orphans and be named: prctl(2) of Linux."""
    return sys.platform == "linux" and linux.has_prctl()


def shows_processes() -> bool:
    """Whether `/proc` tells of every process here; it may be missing, or hidden, on Linux too."""
    return bool(processes.stat_fields(os.getpid()))


def shows_memory() -> bool:
    """Whether it can be seen how much memory other processes use."""
    import psutil  # noqa: PLC0415  # asked only where there is a limit to watch

    try:
        return psutil.Process(os.getpid()).memory_info().rss > 0
    except (psutil.Error, OSError):
        return False


def tells_senders() -> bool:
    """Whether the kernel says which process sent a message, by the number that the receiver knows it by."""
    return hasattr(socket, "SO_PASSCRED")


@functools.cache
def namespaces_refused() -> str | None:
    """Why this process may not make PID namespaces with a `/proc` of their own; None when it may.

    That is tried out in a child, once: call it while the process has one thread.
    """
    if not (controls_processes() and tells_senders()):
        return "PID namespaces are Linux's"
    child = os.fork()
    if child == 0:
        code = _MOST_ERRNO
        try:
            code = _namespace_error()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        return None
    reason = os.strerror(code) if 0 < code < _MOST_ERRNO else "the attempt failed"
    return f"no PID namespace with a /proc of its own may be made ({reason})"


def why_not(isolation: Isolation) -> str | None:
    """Why jobs cannot be isolated like this here; None when they can."""
    if isolation is Isolation.NAMESPACE:
        return namespaces_refused()
    if isolation is Isolation.SUPERVISOR:
        if not controls_processes():
            return "only Linux lets a process adopt the orphans among its descendants"
        if not shows_processes():
            return "/proc does not show the processes"
    return None


def best_isolation() -> Isolation:
    """The strongest isolation that is possible here; call it while the process has one thread."""
    return next(isolation for isolation in Isolation if why_not(isolation) is None)


def refuse_impossible(isolation: str) -> None:
    """See that jobs can be isolated as was asked for; `auto` always can.

    Raises:
        IsolationError: they cannot.
    """
    why = None if isolation == AUTO else why_not(Isolation(isolation))
    if why is not None:
        raise IsolationError(isolation=isolation, why=why)


def name_this_process(name: str) -> None:
    """Have `ps` and `top` show this process as `name`, of 15 characters at most, where that is possible."""
    if controls_processes():
        linux.call_this_process(name)


def _namespace_error() -> int:
    """Make a PID namespace, and in it a process with a `/proc` of its own; the number of what fails, 0 for nothing."""
    try:
        linux.leave_pid_namespace()
        first = os.fork()
    except OSError as error:
        return error.errno or errno.EPERM
    if first == 0:
        code = _MOST_ERRNO
        try:
            linux.mount_own_proc()
            code = 0
        except OSError as error:
            code = error.errno or errno.EPERM
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & _MOST_ERRNO
