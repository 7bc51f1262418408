"""Lease of a claim: the time for which a worker keeps its job on hosts where locks do not reach each other.

Beats renew it, see `queue.leases`: at least four in its time, so that some may fail before another worker may take the
job. Times here are of this machine's clock `now_s`, counted from before the request to the store: for its owner a lease
never lasts longer than for others.
"""

from themis.core.queue.folder.lease_end import SharedEnd, now_s

LEASE_S = 60.0
"""Seconds that a claim on a shared queue lasts without a renewal, unless the queue's own file says otherwise."""

SHORTEST_S, LONGEST_S = 1.0, 900.0
"""Bounds of what the queue's own file may say."""

_RENEWED_AFTER = 1 / 3


class Lease:
    """Lease of a claim.

    Attributes:
        seconds: its length, from each renewal on.
    """

    __slots__ = ("_asked_s", "_shared", "seconds")

    def __init__(self, seconds: float, asked_s: float) -> None:
        """Make a lease of that length that was requested at `asked_s`, by `now_s`."""
        self.seconds = seconds
        self._asked_s = asked_s
        self._shared: SharedEnd | None = None

    @property
    def renew_at_s(self) -> float:
        """Time of the next renewal, by `now_s`."""
        return self._asked_s + self.seconds * _RENEWED_AFTER

    @property
    def is_due(self) -> bool:
        """Whether the renewal is due."""
        return now_s() >= self.renew_at_s

    @property
    def is_over(self) -> bool:
        """Whether another host may have taken the job by now."""
        return now_s() >= self._asked_s + self.seconds

    def holds(self) -> bool:
        """Whether no other host can have taken the job."""
        return not self.is_over

    @property
    def milliseconds(self) -> int:
        """Length in milliseconds, the unit of stores."""
        return round(self.seconds * 1_000)

    def renewed(self, asked_s: float) -> None:
        """Start the lease's time over, for a renewal that was requested at `asked_s`, by `now_s`."""
        self._asked_s = asked_s
        if self._shared is not None:
            self._shared.write(asked_s + self.seconds)

    def share(self) -> int:
        """Return a descriptor of memory that says when the lease is over, now and after each renewal; close it.

        Raises:
            OSError: the system lacks memory or open files.
        """
        self._shared, descriptor = SharedEnd.make()
        self._shared.write(self._asked_s + self.seconds)
        return descriptor
