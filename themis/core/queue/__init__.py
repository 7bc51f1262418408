"""Queue in a folder, or in the rows of a results store, which holds the true state of each job.

model          job model: states, layout (file names), manifests, policies; values and pure functions
folder         files: root, listing, store registry, locks, leases, bell, pausing, journal, logs, worker registry
transitions    the one move and the changes built on it: submit, claim, settle, recover, quarantine
picking        choice of the next job
open_folder    the folder, opened on first use
admin          operator functions: job commands, pruning, the doctor, details, the forecast
file_queue     the public interface to all of it
port           the methods that every queue has
rows           the queue without a folder
opening        the queue at a place, whichever it is
"""

from typing import TYPE_CHECKING

from themis.core.python.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.core.queue.file_queue import FileQueue
    from themis.core.queue.folder.processes import this_process
    from themis.core.queue.model.claim_policy import ClaimPolicy
    from themis.core.queue.model.manifest_file import Limits, Manifest
    from themis.core.queue.model.states import AttemptOutcome, Cause, JobState
    from themis.core.queue.model.store_address import StoreAddress
    from themis.core.queue.port import Queue
    from themis.core.queue.rows.row_queue import RowQueue
    from themis.core.queue.transitions.claims import Claim, ClaimResult
    from themis.core.queue.transitions.new_job import NewJob, Submission

__all__ = [
    "AttemptOutcome",
    "Cause",
    "Claim",
    "ClaimPolicy",
    "ClaimResult",
    "FileQueue",
    "JobState",
    "Limits",
    "Manifest",
    "NewJob",
    "Queue",
    "RowQueue",
    "StoreAddress",
    "Submission",
    "this_process",
]

# Imported on first use: code that only lists the names in a queue does not need the rest.
__getattr__ = lazy_names(
    __name__,
    {
        "Cause": ".model.states",
        "Claim": ".transitions.claims",
        "ClaimPolicy": ".model.claim_policy",
        "ClaimResult": ".transitions.claims",
        "FileQueue": ".file_queue",
        "JobState": ".model.states",
        "Limits": ".model.manifest_file",
        "Manifest": ".model.manifest_file",
        "NewJob": ".transitions.new_job",
        "AttemptOutcome": ".model.states",
        "Queue": ".port",
        "RowQueue": ".rows.row_queue",
        "StoreAddress": ".model.store_address",
        "Submission": ".transitions.new_job",
        "this_process": ".folder.processes",
    },
)
