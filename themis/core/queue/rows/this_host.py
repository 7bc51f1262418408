"""Knowledge of a host about its own workers and their jobs: their logs, who of them lives, and what is excused.

It is in a folder of this user on this machine, one for each queue. Nothing there is needed by another host: whether a
worker elsewhere lives, its lease says. A process that is dead here is noticed at once, as its lock is free.
"""

import atexit
import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from themis.core.files import durable, guarded
from themis.core.processes import identity
from themis.core.queue.folder import locks
from themis.core.queue.folder.cases_in_flight import NotesFolder
from themis.core.queue.folder.host_folder import FOLDER_VARIABLE, queues_folder
from themis.core.queue.model import layout
from themis.core.stores.job_rows import Owner

if TYPE_CHECKING:
    from themis.core.queue.folder.locks import KeyLock

__all__ = ["FOLDER_VARIABLE", "ThisHost", "queues_folder"]

_EXCUSED = "excused"


class ThisHost:
    """Knowledge of this host about a queue's workers and jobs.

    Attributes:
        folder: where it is kept.
        notes: what the processes of its jobs note of the cases that they are on.
    """

    def __init__(self, queue_id: str) -> None:
        """Find the folder of a queue, which is made when something is kept."""
        self.folder = queues_folder() / queue_id
        self.notes = NotesFolder(self.folder)
        self._locks = self.folder / layout.LOCKS
        self._own: KeyLock | None = None
        self._pid = 0
        self._abandoned: set[str] = set()

    # --- processes

    def keep_lock(self, owner: Owner) -> None:
        """Hold the lock of this process from now on, until it dies; one that cannot be held only costs time."""
        if self._own is not None and self._pid == os.getpid():
            return
        with contextlib.suppress(OSError):
            durable.make_folder(self._locks, private=True)
            self._own, self._pid = locks.acquire(self._locks, _name(owner)), os.getpid()
        if self._own is not None:
            atexit.register(self._leave)

    def _leave(self) -> None:
        """Remove the lock's file: a process that ends by itself leaves no job, and nothing to be found."""
        if self._own is not None and self._pid == os.getpid():
            with contextlib.suppress(OSError):
                self._own.remove(self._locks)

    def is_dead(self, owner: Owner, token: str | None) -> bool:
        """Whether an owner of a job is known to be dead: a process of this host, or a claim that this one abandoned."""
        if token in self._abandoned:
            return True
        if owner.host != identity.machine()[0]:
            return False  # its lock may be seen here, in a home folder on a share, but locks do not reach so far
        name = _name(owner)
        try:
            return (self._locks / f"{name}.lock").exists() and not locks.is_locked(self._locks, name)
        except OSError:
            return False

    def abandon(self, token: str) -> None:
        """Let the next recovery by this process take the job of a claim of its own."""
        self._abandoned.add(token)

    def forget(self, token: str | None) -> None:
        """Forget a claim that has ended."""
        if token is not None and self.is_excused(token):
            with contextlib.suppress(OSError):
                (self.folder / _EXCUSED / token).unlink(missing_ok=True)
        self._abandoned.discard(token or "")

    def excuse(self, token: str) -> None:
        """Note that the attempt of a claim has ended, and that this could not be written; best effort."""
        with contextlib.suppress(OSError):
            durable.make_folder(self.folder / _EXCUSED, private=True)
            guarded.touch(self.folder / _EXCUSED / token)

    def is_excused(self, token: str | None) -> bool:
        """Whether the attempt of a claim had ended, and this could not be written."""
        return token is not None and (self.folder / _EXCUSED / token).exists()

    # --- output

    def log_path(self, key: str, attempt: int) -> Path:
        """Return the path of an attempt's log."""
        return layout.log_path(self.folder, key, attempt)


def _name(owner: Owner) -> str:
    machine = hashlib.sha256(f"{owner.host}\n{owner.boot_id}".encode()).hexdigest()[:16]
    return f"{machine}-{owner.pid}-{owner.pid_started}"
