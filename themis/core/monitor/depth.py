"""Depth of a queue, and the age of its oldest jobs.

For a queue in a folder no store is opened, and nothing is kept between two calls. Any thread may call `look`.
"""

from dataclasses import dataclass, field

from themis.core.monitor.places.what_is_there import jobs_at
from themis.core.queue.model.queue_place import Place


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """The depth of a queue.

    Attributes:
        jobs: number of jobs by state.
        oldest_s: seconds that the oldest job has been in a state, 0 if there is no job: in `queued` since its
            submission, in `waiting` since it became due, in `running` since it was claimed.
        rejected: number of quarantined files that are in `rejected/`.
    """

    jobs: dict[str, int] = field(default_factory=dict)
    oldest_s: dict[str, float] = field(default_factory=dict)
    rejected: int = 0


def look(place: Place) -> QueueDepth:
    """Return the depth of the queue at a place; a missing folder counts as empty.

    Raises:
        OSError: the folder cannot be read.
        StoreError: the store with its rows cannot be read.
    """
    files = jobs_at(place)
    return QueueDepth(jobs=files.counts, oldest_s=files.oldest_s(), rejected=files.rejected)
