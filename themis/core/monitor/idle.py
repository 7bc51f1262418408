"""Why a queue gave a worker no job: a paused or empty queue, jobs that wait or are for others, stores that are gone."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from themis.core.errors import ManifestError, NewerManifestError
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.model import manifest_file
from themis.core.queue.model.claim_policy import ClaimPolicy

LOOKED_INTO = 1_000
"""As many manifests are read."""


@dataclass(frozen=True, slots=True)
class IdleQueue:
    """A queue that gave a worker no job.

    Attributes:
        exists: whether anything was ever submitted.
        pause: who paused it, when and why; None while jobs are taken.
        queued, waiting: how many jobs may be taken now, and only later.
        unusable_stores: why stores cannot be opened now, one line each.
        refused: why the first of the queued jobs are left to other workers, and how many for each reason, most first.
    """

    exists: bool
    pause: Pause | None = None
    queued: int = 0
    waiting: int = 0
    unusable_stores: tuple[str, ...] = ()
    refused: tuple[tuple[str, int], ...] = ()


def look(queue: FileQueue, policy: ClaimPolicy) -> IdleQueue:
    """What keeps the jobs of a queue from a worker that takes them by `policy`."""
    counts = queue.admin.counts()
    if not counts:
        return IdleQueue(exists=False)
    pause, queued = queue.paused, counts["queued"]
    found = IdleQueue(exists=True, pause=pause, queued=queued, waiting=counts["waiting"])
    if pause is not None or not queued:
        return found
    return IdleQueue(
        exists=True,
        queued=queued,
        waiting=found.waiting,
        unusable_stores=tuple(queue.admin.unusable_stores()),
        refused=tuple(_refused(queue, policy).most_common()),
    )


def _refused(queue: FileQueue, policy: ClaimPolicy) -> Counter[str]:
    reasons = Counter[str]()
    for job in queue.admin.list_jobs(("queued",), limit=LOOKED_INTO):
        with suppress(OSError, ManifestError):
            reason = _reason(job.path, job.key, policy)
            reasons.update([reason] if reason else [])
    return reasons


def _reason(path: Path, key: str, policy: ClaimPolicy) -> str | None:
    try:
        return policy(manifest_file.read(str(path), key=key))
    except NewerManifestError:
        return "was submitted by a newer Themis, whose manifests this one cannot read"
