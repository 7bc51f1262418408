"""How deep a queue is, and how long its jobs have stood there.

No store is opened and nothing is held between two looks, so that any thread may look at any time.
"""

from dataclasses import dataclass, field
from pathlib import Path

from themis.core.monitor import queue_files


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What is in a queue.

    Attributes:
        jobs: how many, by state.
        oldest_s: seconds for which the oldest job has been in a state, 0 without one: in `queued` since it was
            submitted, in `waiting` since its time came, in `running` since it was claimed.
        rejected: how many files were rejected and still lie there.
    """

    jobs: dict[str, int] = field(default_factory=dict)
    oldest_s: dict[str, float] = field(default_factory=dict)
    rejected: int = 0


def look(queue_root: Path) -> QueueDepth:
    """The depth of the queue in a folder; nothing is in one that is not there.

    Raises:
        OSError: it cannot be read.
    """
    files = queue_files.read(queue_root)
    return QueueDepth(jobs=files.counts, oldest_s=files.oldest_s(), rejected=files.rejected)
