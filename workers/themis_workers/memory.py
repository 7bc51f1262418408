"""How much memory a job may use: held by the kernel where a cgroup may be made, else watched."""

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
    """The folder of the group that the job's process has to join; None where there is none."""

    def is_exceeded(self, pid: int) -> bool:
        """Whether the processes below `pid` use more than they may, and nobody but the asker would stop them."""

    def was_enforced(self) -> bool:
        """Whether the kernel has killed one of them for it."""

    def close(self) -> None:
        """The attempt is over, and nothing of it lives."""


@dataclass(frozen=True, slots=True)
class CgroupFolder:
    """Where this process may make memory cgroups.

    Attributes:
        path: of the group that they are made in.
        version: of the interface, 1 or 2.
    """

    path: Path
    version: int

    def limit(self, name: str, limit_mb: int) -> "CgroupLimit":
        """A new group that may use so many MiB.

        Raises:
            OSError: it cannot be made.
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
                with contextlib.suppress(OSError):  # swap is counted only where the kernel was told to
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
    """A limit that the kernel holds: what goes beyond it is killed at once."""

    def __init__(self, group: Path, version: int) -> None:
        """By the cgroup whose folder is `group`."""
        self.cgroup: str | None = str(group)
        self._group = group
        self._events = group / ("memory.oom_control" if version == 1 else "memory.events")

    def is_exceeded(self, pid: int) -> bool:
        """Whether the kernel has begun to kill: then the rest is of no use either."""
        del pid
        return self.was_enforced()

    def was_enforced(self) -> bool:
        """Whether the kernel has killed one of the group for the memory it used."""
        try:
            lines = self._events.read_text(encoding="ascii").splitlines()
        except OSError:
            return False
        return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in lines)

    def close(self) -> None:
        """Remove the group."""
        with contextlib.suppress(OSError):
            self._group.rmdir()


class WatchedLimit:
    """A limit that is looked after: the memory of all processes below the job's supervisor, now and then."""

    cgroup: str | None = None

    def __init__(self, limit_mb: int) -> None:
        """So many MiB."""
        self._limit_bytes = limit_mb * _MIB

    def is_exceeded(self, pid: int) -> bool:
        """Whether they use too much: shared pages are counted once, where the kernel tells."""
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
                shares += getattr(found, "pss", found.uss)  # which share of a page is whose, Linux alone tells
            except psutil.AccessDenied:
                return True
            except psutil.Error:
                continue
        return shares > self._limit_bytes

    def was_enforced(self) -> bool:
        """Never: nobody but the watcher acts."""
        return False

    def close(self) -> None:
        """There is nothing to remove."""


def find_cgroup_folder() -> CgroupFolder | None:
    """Where memory cgroups may be made here, tried out; None where that is not permitted."""
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
    """Have groups within this process's own be limited; one that holds processes may have no such groups."""
    if "memory" not in (own / "cgroup.controllers").read_text(encoding="ascii").split():
        return
    if "memory" in (own / "cgroup.subtree_control").read_text(encoding="ascii").split():
        return
    leaf = own / "themis-worker"
    leaf.mkdir(exist_ok=True)
    (leaf / "cgroup.procs").write_text("0", encoding="ascii")
    (own / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
