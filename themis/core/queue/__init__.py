"""A queue in a folder, whose truth about each job is in a results store.

what a job is          states, layout (its names), manifest_file, claim_policy, job_store (its row)
the folder             root, listing, store_book, locks, pausing, journal, log_files
the one move           moves; made by claiming, claims (settle), submitting, requests, rejection, numbers, pruning
which job next         picker, window, waits, readiness, refusals
how a job goes on      backoff, excuses, troubles
whose is it            lease, liveness, hosts, processes
what it looks like     details, forecast
is it in order         doctor, looking, numbers, probing
all of it              file_queue; opening (its folder); control, the part that is for people
"""

from typing import TYPE_CHECKING

from themis.core.lazy_names import lazy_names

if TYPE_CHECKING:
    from themis.core.queue.claim_policy import ClaimPolicy
    from themis.core.queue.claims import Claim, ClaimResult
    from themis.core.queue.file_queue import FileQueue
    from themis.core.queue.manifest_file import Limits, Manifest, StoreAddress
    from themis.core.queue.processes import this_process
    from themis.core.queue.states import Cause, JobState, Outcome
    from themis.core.queue.submitting import NewJob, Submission

__all__ = [
    "Cause",
    "Claim",
    "ClaimPolicy",
    "ClaimResult",
    "FileQueue",
    "JobState",
    "Limits",
    "Manifest",
    "NewJob",
    "Outcome",
    "StoreAddress",
    "Submission",
    "this_process",
]

# Imported when they are first used: whoever only looks at the names in a queue need not wait for the rest.
__getattr__ = lazy_names(
    __name__,
    {
        "Cause": ".states",
        "Claim": ".claims",
        "ClaimPolicy": ".claim_policy",
        "ClaimResult": ".claims",
        "FileQueue": ".file_queue",
        "JobState": ".states",
        "Limits": ".manifest_file",
        "Manifest": ".manifest_file",
        "NewJob": ".submitting",
        "Outcome": ".states",
        "StoreAddress": ".manifest_file",
        "Submission": ".submitting",
        "this_process": ".processes",
    },
)
