"""Claim guard: a run whose claim may have passed to another host begins no case and no call until that is certain.

A host that was frozen, or a worker that was cut off from the store, comes back with a lease that is over, and another
host may have done the next cases by then. Their results would be refused here, but they would be paid for twice.
"""

import asyncio
import logging
from collections.abc import Callable

logger = logging.getLogger("themis")

PAUSE_S = 0.05
"""Seconds between looks at a lease that is over."""


class ClaimGuard:
    """Holds up a run while its lease is over: its worker renews the lease, or ends the run."""

    def __init__(self, holds_lease: Callable[[], bool] | None) -> None:
        """Ask `holds_lease` whether the claim is certain; None where there are no leases."""
        self._holds_lease = holds_lease
        self._said = False

    async def passed(self) -> None:
        """Return at once while the claim is certain, else as soon as it is again."""
        if self._holds_lease is None or self._holds_lease():
            return
        if not self._said:
            self._said = True
            logger.warning("the lease of this job is over: it begins nothing until its worker has renewed it")
        while not self._holds_lease():  # noqa: ASYNC110  # another process renews it
            await asyncio.sleep(PAUSE_S)
        self._said = False


NO_CLAIM = ClaimGuard(None)
"""Guard of a run that no worker has claimed."""
