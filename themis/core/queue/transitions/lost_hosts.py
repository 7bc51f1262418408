"""Loss of a host that may be taken away: the first ones in a job's life are charged to nobody.

A worker that was told so (`--preemptible`) says so in its report, which outlives it. When its lease is over and nobody
has seen its process end, its host is what was lost: preempted, frozen or cut off. A job may bring even that about, and
must end then too, so further losses are charged like those of any worker.
"""

from typing import TYPE_CHECKING

from themis.core.queue.model.states import Cause
from themis.core.stores.job_rows import JobRow, Owner
from themis.core.stores.job_store import JobStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from themis.core.queue.folder.worker_report import WorkerReport

MOST_LOST_HOSTS = 10
"""Losses of a host that are charged to nobody, in the life of a job."""


def is_uncharged_loss(store: JobStore, row: JobRow, find_report: "Callable[[str], WorkerReport | None]") -> bool:
    """Whether a running job whose worker is not seen to be dead was lost with a host that may be taken away.

    Args:
        store: store of the job.
        row: the job, whose lease is over.
        find_report: returns the report of the worker with a name; None where there is none.

    Raises:
        StoreError: the store cannot be read.
    """
    owner = row.owner
    if owner is None or not _is_preemptible(owner, find_report(owner.worker)):
        return False
    return sum(attempt.cause == Cause.HOST_LOST for attempt in store.attempts(row.key)) < MOST_LOST_HOSTS


def _is_preemptible(owner: Owner, report: "WorkerReport | None") -> bool:
    """Whether a worker has said that its host may be taken away; a later one of that name says nothing of it."""
    if report is None or not report.preemptible:
        return False
    said_by = (report.host, report.boot_id, report.pid, report.pid_started)
    return said_by == (owner.host, owner.boot_id, owner.pid, owner.pid_started)
