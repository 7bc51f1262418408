"""A queue in a folder, whose truth about each job is in a results store.

model          what a job is: states, layout (its names), manifests, policies; values and pure functions
folder         the files: root, listing, store registry, locks, leases, bell, pausing, journal, logs, who works here
transitions    the one move, and all that is a call of it: submit, claim, settle, recover, quarantine
picking        which job is next
open_folder    the folder, opened when it is first needed
admin          what people ask: job commands, pruning, the doctor, details, the forecast
file_queue     the face of all of it
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
    from themis.core.queue.transitions.claims import Claim, ClaimResult
    from themis.core.queue.transitions.submitting import NewJob, Submission

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
    "StoreAddress",
    "Submission",
    "this_process",
]

# Imported when they are first used: a command that only reads the names in a queue need not wait for the rest.
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
        "NewJob": ".transitions.submitting",
        "AttemptOutcome": ".model.states",
        "StoreAddress": ".model.store_address",
        "Submission": ".transitions.submitting",
        "this_process": ".folder.processes",
    },
)
