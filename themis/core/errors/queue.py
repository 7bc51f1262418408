"""Errors of a queue, its jobs and its files."""

from themis.core.errors.base import InputError, StateError, UnavailableError


class QueueError(UnavailableError):
    """{path}: {detail}"""


class QueueRootError(QueueError, ValueError):
    """{path}: {detail}"""

    exit_code = 2


class QueueElsewhereError(QueueRootError):
    """{path}: {problem}, so no job is taken and nothing is changed; {advice}"""

    whereabouts: str


class QueueUnwritableError(QueueRootError):
    """{path}: cannot be written: {detail}; {mend}"""

    exit_code = 4


class QueueFileError(QueueRootError):
    """{path}: its queue.json {detail}; themis queue doctor --fix writes it again"""


class NewerQueueFormatError(QueueRootError):
    """{path}: made by a newer Themis (queue format {found}, this version reads up to {known}); upgrade Themis to use it"""


class QueueBusyError(QueueError):
    """{path}: job {key} is locked by another process; try again"""


class ClaimLostError(StateError):
    """job {key} no longer belongs to this worker: it has changed since version {version} was claimed; nothing was written"""


class OtherStoreError(QueueError):
    """{path}: is not the store that the job was submitted for (its id is {found}, expected {expected})"""


class StoreCopyError(InputError):
    """{path}: is a copy of the results store {other}, in which this queue has its jobs; use that one, or another queue: --set runtime.queue_root=..."""


class TagError(InputError):
    """{detail}"""


class JobError(InputError):
    """job {key}: {detail}"""


class UnknownJobError(JobError):
    """job {key}: not in this queue"""


class HiddenJobError(UnknownJobError):
    """job {key}: not in any store of this queue that can be opened now; it may be in one that cannot: {unseen}"""

    exit_code = 4


class AmbiguousJobError(JobError):
    """job {key}: several jobs begin with this prefix ({matches}); give more of the job's name"""


class JobStateError(JobError):
    """job {key} is {state}: {detail}"""


class ManifestError(InputError):
    """{name}: {detail}"""

    reason: str


class TornManifestError(ManifestError):
    """{name}: not valid JSON: {detail}"""


class NewerManifestError(ManifestError):
    """{name}: written by a newer Themis (manifest format {found}, this version reads up to {known}); upgrade Themis to run it"""
