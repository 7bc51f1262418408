"""Depth of a queue, and the age of its oldest jobs.

No store is opened and nothing is kept between two calls, so any thread may call `look` at any time.
"""

from dataclasses import dataclass, field
from pathlib import Path

from themis.core.monitor import queue_files


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


def look(queue_root: Path) -> QueueDepth:
    """Return the depth of the queue in a folder; a missing folder counts as empty.

    Raises:
        OSError: the folder cannot be read.
    """
    files = queue_files.read(queue_root)
    return QueueDepth(jobs=files.counts, oldest_s=files.oldest_s(), rejected=files.rejected)
