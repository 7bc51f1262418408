"""A queue in a folder, whose truth about each job is in a results store."""

from themis.core.queue.claims import Claim
from themis.core.queue.file_queue import FileQueue
from themis.core.queue.manifest_file import Limits, Manifest, StoreAddress
from themis.core.queue.processes import this_process
from themis.core.queue.states import Cause, JobState, Outcome
from themis.core.queue.submitting import NewJob, Submission

__all__ = [
    "Cause",
    "Claim",
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
