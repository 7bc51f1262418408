"""Lock of a run: a process holds it while it runs the run, and the kernel frees it when that process dies.

A process that runs an experiment without a queue has its run for itself. Workers share it among themselves: the queue
decides which of them has a job, and whose results count, as one that was believed dead may keep the lock while it is
suspended. So a worker's process and `themis run` keep each other out, and so do two processes of `themis run`.

The lock is a file beside the store, `<store>-locks/<run_id>.lock`, which names its holder. It is removed while the lock
is held, and a process that takes a lock checks that the file still has its name: so no file is left when a run ends,
and no two processes ever hold "the" lock on two files. The file of a killed process says who was interrupted, and is
used again by the next process that continues the run.
"""

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from themis.core.errors import RunBusyError
from themis.core.files import guarded
from themis.core.stores import file_errors

PATIENCE_S = 0.5
"""Seconds to wait for a lock that is held: checking the lock takes it for a moment, too."""

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MAX_BYTES = 4_096
_PAUSE_S = 0.005
_LOOKS = 3
_SOONEST_S, _LATEST_S = 2.0, 60.0

Value = TypeVar("Value")

# A forked child must not keep a lock alive when this process has died.
_held: set[int] = set()


@dataclass(frozen=True, slots=True)
class RunHolder:
    """Holder of a run's lock, or its last one; unknown values are None.

    Attributes:
        held: whether the lock is held now.
        pid, host: pid and host of the process.
        since_ms: time when it took the lock, in milliseconds since 1970 UTC.
        job: the queue's job that it carries out; None for a run without a queue.
    """

    held: bool
    pid: int | None = None
    host: str | None = None
    since_ms: int | None = None
    job: str | None = None

    def __str__(self) -> str:
        """Return a description for people."""
        process = "a process" if self.pid is None else f"process {self.pid} on {self.host}"
        return process if self.job is None else f"{process}, a worker for job {self.job},"


@contextlib.contextmanager
def hold(store: Path, run_id: str, *, job: str | None) -> Iterator[None]:
    """Hold the lock of a run for the length of a block; a `job` shares it with other workers.

    Raises:
        RunBusyError: another process has the run.
        StoreError: the lock file cannot be made.
    """
    path = _path(store, run_id)
    try:
        descriptor = _acquire(path, shared=job is not None)
    except OSError as error:
        raise file_errors.of_system(error, store) from error
    if descriptor is None:
        raise busy_error(run_id, look(store, run_id))
    _held.add(descriptor)
    try:
        with contextlib.suppress(OSError):  # for people: on a full disk the lock works without it
            _write(descriptor, job)
        yield
    finally:
        if descriptor in _held:  # not in a forked child, whose copy is closed
            _held.discard(descriptor)
            _release(path, descriptor)


def look(store: Path, run_id: str) -> RunHolder:
    """Return the holder of a run's lock, or its last holder if that was killed."""
    path = _path(store, run_id)
    try:
        descriptor = guarded.open_to_read(path)
    except OSError:
        return RunHolder(held=False)
    try:
        held = _is_held(descriptor)
        words = _read(descriptor)
    finally:
        os.close(descriptor)
    since_ms = _known(words, "since_ms", int)
    return RunHolder(
        held,
        pid=_known(words, "pid", int),
        host=_known(words, "host", str),
        since_ms=since_ms if since_ms is not None and 0 < since_ms <= _now_ms() else None,
        job=_known(words, "job", str),
    )


def _path(store: Path, run_id: str) -> Path:
    return store.with_name(f"{store.name}-locks") / f"{run_id}.lock"


def busy_error(run_id: str, holder: RunHolder) -> RunBusyError:
    """Make the error of a run that another process has, with the seconds after which to try again."""
    since, age_s = "", 0.0
    if holder.since_ms is not None:
        since = time.strftime(" since %Y-%m-%d %H:%M:%SZ", time.gmtime(holder.since_ms / 1_000))
        age_s = (_now_ms() - holder.since_ms) / 1_000
    # A run that has lasted long will probably last longer: it is checked less and less often.
    again_s = min(max(age_s / 4, _SOONEST_S), _LATEST_S)
    return RunBusyError(run=run_id[:12], holder=str(holder), since=since, retry_after_s=again_s)


def _acquire(path: Path, *, shared: bool) -> int | None:
    """Return a descriptor that holds the lock; None when another process still has it after `PATIENCE_S` seconds."""
    patient_until = time.monotonic() + PATIENCE_S
    while True:
        try:
            descriptor = os.open(path, _FLAGS, 0o600)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # not `exist_ok`: it may have been removed again by now
                path.parent.mkdir(mode=0o700)
            continue
        try:
            is_locked = _lock(descriptor, shared=shared)
            if is_locked and _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not is_locked:  # else its holder has just removed it
            if time.monotonic() >= patient_until:
                return None
            time.sleep(_PAUSE_S)


def _release(path: Path, descriptor: int) -> None:
    """Release the lock, and remove the file unless others share it; a killed process leaves it."""
    try:
        with contextlib.suppress(OSError):
            if _lock(descriptor, shared=False) and _is_at(path, descriptor):
                path.unlink()
                path.parent.rmdir()  # when it was the last one
    finally:
        # Closing alone does not release it while a child process, just forked, still has a copy.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _lock(descriptor: int, *, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(descriptor: int) -> bool:
    """Whether another process holds the lock; a check of the lock, which takes a moment, does not count."""
    for _ in range(_LOOKS):
        if _lock(descriptor, shared=False):
            return False
        time.sleep(_PAUSE_S)
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    mine = os.fstat(descriptor)
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _write(descriptor: int, job: str | None) -> None:
    words = {"pid": os.getpid(), "host": socket.gethostname(), "since_ms": _now_ms(), "job": job}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(words).encode(), 0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _read(descriptor: int) -> dict[str, object]:
    try:
        words = json.loads(os.pread(descriptor, _MAX_BYTES, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    return words if isinstance(words, dict) else {}


def _known(words: dict[str, object], name: str, kind: type[Value]) -> Value | None:
    value = words.get(name)
    return value if isinstance(value, kind) else None


def _forget_all() -> None:
    """Close the copies of all locks in a forked child."""
    for descriptor in list(_held):
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)
