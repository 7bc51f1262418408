"""Capabilities: the Linux features that this machine has and this process may use.

Everything else in the package asks here, and works without a feature that is missing.
"""

import errno
import functools
import os
import socket
import sys

from themis.core.errors import IsolationError
from themis.core.processes import identity
from themis.core.processes.isolation import AUTO, Isolation
from themis_workers import linux

_MOST_ERRNO = 255


def controls_processes() -> bool:
    """Whether a process can die with its parent, adopt orphans and be named: prctl(2) of Linux."""
    return sys.platform == "linux" and linux.has_prctl()


def shows_processes() -> bool:
    """Whether `/proc` shows every process here; it may be missing, or hidden, on Linux too."""
    return bool(identity.stat_fields(os.getpid()))


def shows_memory() -> bool:
    """Whether the memory use of other processes can be read."""
    import psutil  # noqa: PLC0415  # asked only where there is a limit to watch

    try:
        return psutil.Process(os.getpid()).memory_info().rss > 0
    except (psutil.Error, OSError):
        return False


def tells_senders() -> bool:
    """Whether the kernel says which process sent a message, by its PID in the receiver's PID namespace."""
    return hasattr(socket, "SO_PASSCRED")


@functools.cache
def namespaces_refused() -> str | None:
    """Reason why this process may not create PID namespaces with a `/proc` of their own; None when it may.

    A child process tries it, once: call this while the process has only one thread.
    """
    if not (controls_processes() and tells_senders()):
        return "PID namespaces exist only on Linux"
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
    return f"no PID namespace with a /proc of its own can be created ({reason})"


def why_not(isolation: Isolation) -> str | None:
    """Reason why jobs cannot be isolated in this way here; None when they can."""
    if isolation is Isolation.NAMESPACE:
        return namespaces_refused()
    if isolation is Isolation.SUPERVISOR:
        if not controls_processes():
            return "only Linux lets a process adopt orphaned descendants"
        if not shows_processes():
            return "/proc does not show the processes"
    return None


def best_isolation() -> Isolation:
    """The strongest isolation that is possible here; call it while the process has only one thread."""
    return next(isolation for isolation in Isolation if why_not(isolation) is None)


def refuse_impossible(isolation: str) -> None:
    """Check that jobs can be isolated as requested; `auto` always passes.

    Raises:
        IsolationError: they cannot.
    """
    why = None if isolation == AUTO else why_not(Isolation(isolation))
    if why is not None:
        raise IsolationError(isolation=isolation, why=why)


def name_this_process(name: str) -> None:
    """Name this process in `ps` and `top`, where that is possible; 15 characters at most."""
    if controls_processes():
        linux.call_this_process(name)


def _namespace_error() -> int:
    """Create a PID namespace and a process in it with its own `/proc`; the errno of what fails, 0 for success."""
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
