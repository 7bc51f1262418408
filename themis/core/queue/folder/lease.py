"""Lease of a claim: the time for which a worker keeps its job on hosts where locks do not reach each other.

It is renewed after a third of its time, so that two renewals may fail before another worker may take the job. Times
here are of this machine's clock `now_s`, counted from before the request to the store: for its owner a lease never
lasts longer than for others.
"""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from themis.core.errors import ClaimLostError
from themis.core.queue.folder.lease_end import SharedEnd, now_s

logger = logging.getLogger("themis.queue")

LEASE_S = 60.0
"""Seconds that a claim on a shared queue lasts without a renewal, unless the queue's own file says otherwise."""

SHORTEST_S, LONGEST_S = 1.0, 900.0
"""Bounds of what the queue's own file may say."""

_RENEWED_AFTER = 1 / 3
_TRIED_AGAIN_AFTER = 1 / 12


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


class LeaseRenewer:
    """Renewer of a lease for the length of a block, in its own thread, as the block may keep the event loop busy.

    Attributes:
        lost: error by which the lease was lost; None while it is kept, and where there are no leases.
    """

    def __init__(self, lease: Lease | None, renew: Callable[[], object]) -> None:
        """Make a renewer; without a lease it does nothing. `renew` raises ClaimLostError when the claim is lost."""
        self.lost: Exception | None = None
        self._lease = lease
        self._renew = renew
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start renewing."""
        if self._lease is not None:
            self._thread = threading.Thread(target=self._keep, args=(self._lease,), name="themis-lease", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop renewing."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _keep(self, lease: Lease) -> None:
        pause_s = lease.renew_at_s - now_s()
        while not self._ended.wait(max(pause_s, 0.0)):
            try:
                self._renew()
            except ClaimLostError as error:
                self.lost = error
                return
            except Exception as error:  # noqa: BLE001  # any error: without a renewal the lease ends
                if lease.is_over:
                    self.lost = error
                    return
                logger.warning("a lease could not be renewed and will be retried: %s", error)
                pause_s = lease.seconds * _TRIED_AGAIN_AFTER
            else:
                pause_s = lease.renew_at_s - now_s()
