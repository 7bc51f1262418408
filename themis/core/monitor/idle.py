"""Reasons why a queue gave a worker no job: paused, empty, jobs for later or for other workers, stores unavailable."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from themis.core.errors import ManifestError, NewerManifestError
from themis.core.queue.folder.listing import ListedJob
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.model.claim_policy import ClaimPolicy
from themis.core.queue.model.predecessors import listed, waits_for
from themis.core.queue.port import Queue
from themis.core.queue.transitions.dependents import HeldJobs

LOOKED_INTO = 1_000
"""Maximum number of manifests that are read."""


@dataclass(frozen=True, slots=True)
class IdleQueue:
    """A queue that gave a worker no job.

    Attributes:
        exists: whether a job was ever submitted.
        pause: who paused the queue, when and why; None if it is not paused.
        queued, waiting: numbers of jobs that may be taken now, and only later.
        unusable_stores: one line for each store that cannot be opened now.
        refused: why this worker skips the first queued jobs, with the number of jobs per reason, most frequent first.
        held: number of those that wait for other jobs; they are among `waiting`.
        first_held: the first of those, and what it runs after, for people.
    """

    exists: bool
    pause: Pause | None = None
    queued: int = 0
    waiting: int = 0
    unusable_stores: tuple[str, ...] = ()
    refused: tuple[tuple[str, int], ...] = ()
    held: int = 0
    first_held: str | None = None


def look(queue: Queue, policy: ClaimPolicy) -> IdleQueue:
    """Find out why a worker with the claim policy `policy` gets no job."""
    counts = queue.admin.counts()
    if not counts:
        return IdleQueue(exists=False)
    pause, queued = queue.paused, counts["queued"]
    held = queue.held(limit=1) if counts["waiting"] else HeldJobs(0, [])
    first = next((f"{row.key} runs after {listed(waits_for(row))}" for row in held.first), None)
    waiting = counts["waiting"]
    found = IdleQueue(exists=True, pause=pause, queued=queued, waiting=waiting, held=held.number, first_held=first)
    if pause is not None or not queued:
        return found
    return IdleQueue(
        exists=True,
        queued=queued,
        waiting=found.waiting,
        unusable_stores=tuple(queue.admin.unusable_stores()),
        refused=tuple(_refused(queue, policy).most_common()),
    )


def _refused(queue: Queue, policy: ClaimPolicy) -> Counter[str]:
    reasons = Counter[str]()
    for job in queue.admin.list_jobs(("queued",), limit=LOOKED_INTO):
        with suppress(OSError, ManifestError):
            reason = _reason(queue, job, policy)
            reasons.update([reason] if reason else [])
    return reasons


def _reason(queue: Queue, job: ListedJob, policy: ClaimPolicy) -> str | None:
    try:
        manifest = queue.admin.manifest_of(job)
        return None if manifest is None else policy(manifest)
    except NewerManifestError:
        return "was submitted by a newer Themis, whose manifests this one cannot read"
