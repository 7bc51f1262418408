"""Leases of a worker's claims, on a queue that several hosts share: renewed by a thread of their own.

One beat a second renews the leases of all claims of a store, and says which of them are lost or to be cancelled. So a
store is asked once for all jobs, and the main loop, which settles one job after the other and may wait for the store
each time, holds up no renewal. A store that is away ends no job: those whose lease is over wait, and when it is back it
says which of them it still knows as this worker's.
"""

import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from themis.core.errors import StoreError
from themis.core.queue.folder.lease_end import now_s
from themis.core.queue.transitions.claims import Claim

if TYPE_CHECKING:
    from themis.core.queue.model.store_address import StoreAddress

logger = logging.getLogger("themis.worker")

BEAT_S = 1.0
"""Seconds between two beats; less where leases are so short that they would not outlast four."""

_BEATS_A_LEASE = 4
_PATIENCE_S = 5.0


AWAY = "leases cannot be renewed; jobs whose lease is over wait"
BACK = "leases can be renewed again"


class Tell(Protocol):
    """Says an event of that many jobs, with the error that is its reason, if there is one."""

    def __call__(self, event: str, *, jobs: int, error: Exception | None = None) -> None:
        """Say it."""


def _log(event: str, *, jobs: int, error: Exception | None = None) -> None:  # noqa: ARG001  # a process has one job
    logger.warning("%s%s", event, "" if error is None else f": {error}")


class Leases:
    """Keeps the claims of a worker: renews each while its lock is held."""

    def __init__(self, tell: Tell = _log) -> None:
        """Start with no claims, and no thread; `tell` says that a store is away, and that it is back."""
        self._tell = tell
        self._guard = threading.Lock()
        self._claims: list[Claim] = []
        self._lost: set[tuple[str, int]] = set()
        self._cancelled: set[tuple[str, int]] = set()
        self._failed: set[StoreAddress] = set()
        self._wakes = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def keep(self, claim: Claim) -> None:
        """Renew the lease of a claim until it is settled, abandoned or lost; nothing to do for one without a lease."""
        if claim.lease is None:
            return
        with self._guard:
            self._claims.append(claim)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="themis-leases", daemon=True)
            self._thread.start()

    def is_lost(self, claim: Claim) -> bool:
        """Whether the store has said that another worker has the job, or had it."""
        return _name(claim) in self._lost

    def is_cancelled(self, claim: Claim) -> bool:
        """Whether the job's cancellation was requested, as of the last beat."""
        return _name(claim) in self._cancelled

    def close(self) -> None:
        """End the thread."""
        self._is_closed = True
        self._wakes.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)

    # --- in the thread

    def _run(self) -> None:
        while not self._is_closed:
            claims = self._kept()
            for of_store in _by_store(claims):
                self._beat(of_store)
            shortest_s = min((claim.lease.seconds for claim in claims if claim.lease), default=BEAT_S * _BEATS_A_LEASE)
            self._wakes.wait(min(BEAT_S, shortest_s / _BEATS_A_LEASE))

    def _kept(self) -> list[Claim]:
        """The claims that are still held; what was said of others is forgotten."""
        with self._guard:
            self._claims = [claim for claim in self._claims if claim.lock.is_held]
            claims = list(self._claims)
        names = {_name(claim) for claim in claims}
        self._lost &= names
        self._cancelled &= names
        return claims

    def _beat(self, claims: list[Claim]) -> None:
        store, where = claims[0].store, claims[0].manifest.store
        asked_s = now_s()
        try:
            found = store.beat([claim.fence for claim in claims], max(_milliseconds(claim) for claim in claims))
        except (StoreError, OSError) as error:
            if where not in self._failed:
                self._failed.add(where)
                self._tell(AWAY, jobs=len(claims), error=error)
            return
        if where in self._failed:
            self._failed.discard(where)
            self._tell(BACK, jobs=len(claims))
        for claim in claims:
            if claim.key not in found:
                self._lost.add(_name(claim))
                continue
            if claim.lease is not None:
                claim.lease.renewed(asked_s)
            if found[claim.key]:
                self._cancelled.add(_name(claim))


def _by_store(claims: Iterable[Claim]) -> list[list[Claim]]:
    found: dict[StoreAddress, list[Claim]] = {}
    for claim in claims:
        found.setdefault(claim.manifest.store, []).append(claim)
    return list(found.values())


def _milliseconds(claim: Claim) -> int:
    return 0 if claim.lease is None else claim.lease.milliseconds


def _name(claim: Claim) -> tuple[str, int]:
    return claim.key, claim.version
