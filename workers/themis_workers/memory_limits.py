"""Memory limits of jobs: enforced by the kernel where a cgroup can be created, else by watching."""

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_MIB = 1_048_576
_CGROUPS = Path("/sys/fs/cgroup")


class MemoryLimit(Protocol):
    """The limit of one attempt."""

    cgroup: str | None
    """Folder of the cgroup that the job's process has to join; None without one."""

    def is_exceeded(self, pid: int) -> bool:
        """Whether the processes below `pid` are over the limit, and the caller has to stop them."""

    def was_enforced(self) -> bool:
        """Whether the kernel has killed one of them as out of memory."""

    def close(self) -> None:
        """Clean up after the attempt, none of whose processes is alive any more."""


@dataclass(frozen=True, slots=True)
class CgroupFolder:
    """Folder in which this process may create memory cgroups.

    Attributes:
        path: of the parent cgroup.
        version: of the cgroup interface, 1 or 2.
    """

    path: Path
    version: int

    def limit(self, name: str, limit_mb: int) -> "CgroupLimit":
        """Create a cgroup with a limit of `limit_mb` MiB.

        Raises:
            OSError: it cannot be created.
        """
        group = self.path / name
        with contextlib.suppress(FileNotFoundError):
            group.rmdir()  # left by a worker of the same name that was killed
        group.mkdir()
        try:
            if not (group / "cgroup.procs").exists():
                raise FileNotFoundError(errno.ENOENT, "not a cgroup", str(group))
            if self.version == 1:
                (group / "memory.limit_in_bytes").write_text(str(limit_mb * _MIB), encoding="ascii")
                with contextlib.suppress(OSError):  # swap is counted only where the kernel is configured to
                    (group / "memory.memsw.limit_in_bytes").write_text(str(limit_mb * _MIB), encoding="ascii")
            else:
                (group / "memory.max").write_text(str(limit_mb * _MIB), encoding="ascii")
                (group / "memory.swap.max").write_text("0", encoding="ascii")
                (group / "memory.oom.group").write_text("1", encoding="ascii")
        except OSError:
            group.rmdir()
            raise
        return CgroupLimit(group, self.version)


class CgroupLimit:
    """Limit that the kernel enforces: processes that exceed it are killed at once."""

    def __init__(self, group: Path, version: int) -> None:
        """Use the cgroup whose folder is `group`."""
        self.cgroup: str | None = str(group)
        self._group = group
        self._events = group / ("memory.oom_control" if version == 1 else "memory.events")

    def is_exceeded(self, pid: int) -> bool:
        """Whether the kernel has begun to kill; the remaining processes are then useless."""
        del pid
        return self.was_enforced()

    def was_enforced(self) -> bool:
        """Whether the kernel has killed a process of the group as out of memory."""
        try:
            lines = self._events.read_text(encoding="ascii").splitlines()
        except OSError:
            return False
        return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in lines)

    def close(self) -> None:
        """Remove the cgroup."""
        with contextlib.suppress(OSError):
            self._group.rmdir()


class WatchedLimit:
    """Limit that the worker enforces: it adds up the memory of all processes below the slot supervisor."""

    cgroup: str | None = None

    def __init__(self, limit_mb: int) -> None:
        """Limit the memory to `limit_mb` MiB."""
        self._limit_bytes = limit_mb * _MIB

    def is_exceeded(self, pid: int) -> bool:
        """Whether the processes are over the limit; shared pages are counted once, where the kernel reports them."""
        import psutil  # noqa: PLC0415  # only where there is a limit to watch

        try:
            processes = psutil.Process(pid).children(recursive=True)
        except psutil.Error:
            return False
        resident = shares = 0
        for process in processes:
            with contextlib.suppress(psutil.Error):
                resident += process.memory_info().rss
        if resident <= self._limit_bytes:
            return False
        for process in processes:
            try:
                found = process.memory_full_info()
                shares += getattr(found, "pss", found.uss)  # only Linux reports proportional shares
            except psutil.AccessDenied:
                return True
            except psutil.Error:
                continue
        return shares > self._limit_bytes

    def was_enforced(self) -> bool:
        """Return False: only the worker enforces this limit."""
        return False

    def close(self) -> None:
        """Do nothing: there is nothing to remove."""


def find_cgroup_folder() -> CgroupFolder | None:
    """Find by trial the folder in which memory cgroups can be created; None where that is not permitted."""
    for folder in _candidates():
        with contextlib.suppress(OSError, ValueError):
            folder.limit(f"themis-probe-{os.getpid()}", 64).close()
            return folder
    return None


def _candidates() -> list[CgroupFolder]:
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            own = _CGROUPS / path.lstrip("/")
            with contextlib.suppress(OSError):
                _delegate(own)
            found.append(CgroupFolder(own, 2))
        elif "memory" in controllers.split(","):
            found.append(CgroupFolder(_CGROUPS / "memory" / path.lstrip("/"), 1))
    return found


def _delegate(own: Path) -> None:
    """Enable limits for cgroups below the own one, which must hold no processes itself for that."""
    if "memory" not in (own / "cgroup.controllers").read_text(encoding="ascii").split():
        return
    if "memory" in (own / "cgroup.subtree_control").read_text(encoding="ascii").split():
        return
    leaf = own / "themis-worker"
    leaf.mkdir(exist_ok=True)
    (leaf / "cgroup.procs").write_text("0", encoding="ascii")
    (own / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
