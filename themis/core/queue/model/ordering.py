"""Order in which the jobs of a queue are claimed: by priority, and within one by time.

The names of files in `queued/` and `waiting/` are made for it, see `layout`: a worker decides by names alone.
"""

from themis.core.queue.model.layout import Entry

LOWEST_PRIORITY = 9
DEFAULT_PRIORITY = 5


def claim_order(entry: Entry) -> tuple[int, str, str]:
    """Sort key of jobs that may be claimed, the next one first.

    A job that waited for a time, or for its next try, counts as submitted when it became ready.
    """
    return (entry.priority or 0, entry.stamp or "", entry.key)
