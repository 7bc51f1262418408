"""Linux system calls that Python does not offer: namespaces, subreapers, parent death signals.

`capabilities` answers whether this machine has them, and this process may use them.
"""

import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from themis.core.processes import identity

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWPID = 0x2000_0000

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_REC, _MS_SLAVE = 0x4000, 0x8_0000

_libc = ctypes.CDLL(None, use_errno=True)


def has_prctl() -> bool:
    """Whether the C library has prctl(2)."""
    return hasattr(_libc, "prctl")


def die_with_parent() -> None:
    """Have the kernel kill this process as soon as its parent dies."""
    _call(_libc.prctl, _PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    _call(_libc.prctl, _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def call_this_process(name: str) -> None:
    """Name this process in `ps` and `top`; 15 characters at most."""
    _call(_libc.prctl, _PR_SET_NAME, ctypes.c_char_p(name.encode()), 0, 0, 0)


def leave_pid_namespace() -> None:
    """Make the next child PID 1 of a new namespace: when it dies, the kernel kills every process in it.

    A process without the privilege first creates a user namespace, in which it keeps its user and group.

    Raises:
        OSError: this is not permitted here.
    """
    uid, gid = os.geteuid(), os.getegid()
    flags = _CLONE_NEWPID | _CLONE_NEWNS
    try:
        _call(_libc.unshare, flags)
    except PermissionError:
        _call(_libc.unshare, flags | _CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_bytes(b"deny")
        Path("/proc/self/uid_map").write_bytes(b"%d %d 1" % (uid, uid))
        Path("/proc/self/gid_map").write_bytes(b"%d %d 1" % (gid, gid))
    # Mounts made here from now on are not visible outside; mounts made outside still appear here.
    _call(_libc.mount, b"none", b"/", None, _MS_REC | _MS_SLAVE, None)


def mount_own_proc() -> None:
    """Mount a `/proc` that shows this PID namespace, so that processes find themselves there under their own PIDs.

    Raises:
        OSError: this is not permitted here.
    """
    _call(_libc.mount, b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None)


def descendants(pid: int) -> list[int]:
    """PIDs of all descendants of `pid`, as `/proc` shows them now; children before grandchildren."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found = list(children.get(pid, ()))
    for process in found:
        found.extend(children.get(process, ()))
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for name in os.listdir("/proc"):  # noqa: PTH208  # only the names are needed, and often
        if name.isdecimal():
            fields = identity.stat_fields(name)
            if fields:
                yield int(name), int(fields[identity.PARENT_FIELD])


def _call(function: "ctypes._NamedFuncPointer", *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
