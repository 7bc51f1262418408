"""What a worker says about a claim, for people: a line in the job's journal and in the attempt's log."""

import contextlib
import os

from themis.core import durable_files, guarded_files
from themis.core.queue import journal, layout
from themis.core.queue.claims import Claim
from themis.core.queue.root import QueueRoot


def remark(root: QueueRoot, claim: Claim, text: str) -> None:
    """See `FileQueue.remark`."""
    owner = claim.row.owner
    worker = None if owner is None else owner.worker
    journal.note(root.folder(layout.JOURNAL), claim.key, "remark", worker=worker, attempt=claim.attempt, why=text)
    path = layout.log_path(root.path, claim.key, claim.attempt)
    with contextlib.suppress(OSError):  # no job fails for its log
        durable_files.make_folder(path.parent, private=True)
        with os.fdopen(guarded_files.open_to_append(path), "w", encoding="utf-8") as log:
            log.write(f"themis: {text}\n")
