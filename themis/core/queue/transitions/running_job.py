"""Notes of a claimed job while it runs, and when it is lost, whether its queue is a folder or rows."""

import contextlib
import logging
from pathlib import Path

from themis.core.errors import ClaimLostError, StoreError
from themis.core.processes import identity
from themis.core.queue.folder import log_files
from themis.core.queue.model.claim_policy import version_difference
from themis.core.queue.model.manifest_file import Manifest
from themis.core.stores.job_rows import JobRow
from themis.core.stores.job_store import JobStore

logger = logging.getLogger("themis.queue")


def note_process(store: JobStore, row: JobRow, pid: int) -> None:
    """Record the process group, led by `pid`, that runs the job with the row `row`.

    Raises:
        ClaimLostError: the job is no longer that claim's.
    """
    if not store.note_process(row.fence, pid, identity.process_started(pid) or 0):
        raise ClaimLostError(key=row.key, version=row.version)


def other_versions(manifest: Manifest, key: str, log: Path) -> str | None:
    """Return how the versions that submitted a job differ from these, written into its log too; None if they do not."""
    difference = version_difference(manifest)
    if difference is None:
        return None
    text = f"job {key} {difference}; it is run anyway"
    log_files.append_line(log, f"themis: {text}")
    return text


def how_lost(store: JobStore, row: JobRow) -> str:
    """Return, and log, that a claim is no longer its worker's, and whose the job is now.

    Args:
        store: the job's store.
        row: the job's row after the claim.
    """
    found = None
    with contextlib.suppress(StoreError):
        found = store.load(row.key)
    now = "is unreadable now" if found is None else f"is {found.state}, attempt {found.attempt}"
    if found is not None and found.owner is not None:
        now += f" of worker {found.owner.worker} on {found.owner.host}"
    worker = "unknown" if row.owner is None else row.owner.worker
    why = f"attempt {row.attempt} of worker {worker} had lost the job, which {now}; its run was stopped"
    logger.warning("job %s: %s", row.key, why)
    return why
