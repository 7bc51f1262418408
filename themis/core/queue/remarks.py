"""What a worker says about a claim, for people: a line in the job's journal and in the attempt's log."""

import contextlib
import os

from themis.core import durable_files, guarded_files
from themis.core.queue import journal, layout
from themis.core.queue.claim_policy import version_difference
from themis.core.queue.claims import Claim
from themis.core.queue.root import QueueRoot


def note_versions(root: QueueRoot, claim: Claim) -> str | None:
    """See `FileQueue.note_versions`."""
    difference = version_difference(claim.manifest)
    if difference is None:
        return None
    text = f"job {claim.key} {difference}; it is run all the same"
    _remark(root, claim, text)
    return text


def _remark(root: QueueRoot, claim: Claim, text: str) -> None:
    owner = claim.row.owner
    worker = None if owner is None else owner.worker
    journal.note(root.folder(layout.JOURNAL), claim.key, "remark", worker=worker, attempt=claim.attempt, why=text)
    path = layout.log_path(root.path, claim.key, claim.attempt)
    with contextlib.suppress(OSError):  # no job fails for its log
        durable_files.make_folder(path.parent, private=True)
        with os.fdopen(guarded_files.open_to_append(path), "w", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"themis: {text}\n")
