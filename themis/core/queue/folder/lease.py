"""A claim's lease: where locks do not reach from host to host, it says how long a worker is to be left in peace.

It is renewed when a third of it is over, so that two renewals may fail before anybody else may take the job. Times here
are of this process's monotonic clock, and are counted from before the store was asked: to its owner a lease is never
longer than it is to others.
"""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from themis.core.errors import ClaimLostError

logger = logging.getLogger("themis.queue")

_RENEWED_AFTER = 1 / 3
_TRIED_AGAIN_AFTER = 1 / 12


class Lease:
    """Time for which a claim belongs to its worker.

    Attributes:
        seconds: from one renewal on.
    """

    __slots__ = ("_asked_s", "seconds")

    def __init__(self, seconds: float, asked_s: float) -> None:
        """A lease of so many seconds, that was asked for at a time of `time.monotonic`."""
        self.seconds = seconds
        self._asked_s = asked_s

    @property
    def renew_at_s(self) -> float:
        """Time of the next renewal, by `time.monotonic`."""
        return self._asked_s + self.seconds * _RENEWED_AFTER

    @property
    def is_due(self) -> bool:
        """Whether it is to be renewed."""
        return time.monotonic() >= self.renew_at_s

    @property
    def is_over(self) -> bool:
        """Whether another host may have taken the job by now."""
        return time.monotonic() >= self._asked_s + self.seconds

    @property
    def milliseconds(self) -> int:
        """As stores count."""
        return round(self.seconds * 1_000)

    def renewed(self, asked_s: float) -> None:
        """It begins again; it was asked for at a time of `time.monotonic`."""
        self._asked_s = asked_s


class LeaseRenewer:
    """Renews a lease while a block lasts, from a thread of its own: what runs in the block may keep its loop busy.

    Attributes:
        lost: why the lease was lost; None while it is kept, and where there are no leases.
    """

    def __init__(self, lease: Lease | None, renew: Callable[[], object]) -> None:
        """For a claim's lease, None for one that needs none; `renew` raises ClaimLostError when it is another's."""
        self.lost: Exception | None = None
        self._lease = lease
        self._renew = renew
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to renew."""
        if self._lease is not None:
            self._thread = threading.Thread(target=self._keep, args=(self._lease,), name="themis-lease", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Renew no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _keep(self, lease: Lease) -> None:
        pause_s = lease.renew_at_s - time.monotonic()
        while not self._ended.wait(max(pause_s, 0.0)):
            try:
                self._renew()
            except ClaimLostError as error:
                self.lost = error
                return
            except Exception as error:  # noqa: BLE001  # whatever it is: without a renewal the lease runs out
                if lease.is_over:
                    self.lost = error
                    return
                logger.warning("a lease could not be renewed, which is tried again: %s", error)
                pause_s = lease.seconds * _TRIED_AGAIN_AFTER
            else:
                pause_s = lease.renew_at_s - time.monotonic()
