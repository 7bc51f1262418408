"""Changes whose commit the store did not answer: whether they were made is found out from what the store has.

A connection that breaks between a commit and its answer leaves the one who asked with an error, and the store with the
change. To try again finds a job with another version, which looks like a claim that somebody else has taken. An end
that was written by this very claim is known by the attempt's row: nobody else writes that worker, that time and that
outcome under that token.
"""

import contextlib

from themis.core.errors import StoreError
from themis.core.files import durable
from themis.core.queue.folder import uncharged_ends
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout
from themis.core.queue.transitions import moves
from themis.core.queue.transitions.moves import Moved
from themis.core.stores.job_rows import AttemptRow, Change, JobRow
from themis.core.stores.job_store import JobStore


class UnansweredEnds:
    """Ends of an attempt that its owner has asked the store to write, without an answer."""

    def __init__(self) -> None:
        """Start with none."""
        self._asked: dict[AttemptRow, JobRow] = {}

    def note(self, change: Change) -> None:
        """Note an end that may have been written."""
        if change.ended is not None:
            self._asked[change.ended] = change.row

    def written(self, root: QueueRoot, store: JobStore, path: str, now_ns: int) -> Moved | None:
        """Return the end that was written after all, with the file in its place; None if none was.

        A file is left where it is when the job has changed since: the process that changed it has moved that.

        Args:
            root: the queue.
            store: store of the job.
            path: path of its file while it is claimed.
            now_ns: the current time.
        """
        key = next((row.key for row in self._asked.values()), None)
        ended = set(store.attempts(key)) & self._asked.keys() if key is not None else ()
        for attempt in ended:
            asked = self._asked[attempt]
            row = store.load(asked.key)
            if row is None or row.fence != asked.fence:
                return Moved(asked)
            try:
                return Moved(row, moves.place(root, store, path, row, now_ns))
            except (OSError, StoreError) as error:
                return Moved(row, path, not_placed=error)
        return None


def excuse_claim(root: QueueRoot, row: JobRow, token: str) -> None:
    """Mark the file of a claim that may have been committed: no attempt has begun, so its recovery charges nobody.

    Args:
        root: the queue.
        row: the job, as it was before the claim.
        token: token of the claim.
    """
    claimed, attempt = root.folder(layout.CLAIMED), row.attempt + 1
    marked = layout.claimed_name(row.key, attempt, uncharged_ends.marked_token(token))
    with contextlib.suppress(OSError):  # if even the rename fails, it looks like the worker's death
        durable.rename(f"{claimed}/{layout.claimed_name(row.key, attempt, token)}", f"{claimed}/{marked}")
