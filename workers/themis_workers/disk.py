"""Disk policy of a worker: no job is taken while the queue's disk is nearly full, or a write has failed."""

import shutil
import time

from themis.core.errors import QueueError, StoreError
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.port import Queue
from themis.core.queue.write_check import check_writable

CHECK_EVERY_S = 1.0
PROBE_FIRST_S, PROBE_MOST_S = 1.0, 30.0

_MIB = 1_048_576


class DiskGuard:
    """Free space of the queue's disk, and the outage of it or of a store, if there is one."""

    def __init__(self, queue: Queue, stores: StoreCache) -> None:
        """For the folder of `queue`, and the stores that `stores` has opened."""
        self._queue = queue
        self._stores = stores
        self._check_s = self._probe_s = 0.0
        self._pause_s = PROBE_FIRST_S
        self._outage: str | None = None
        self._full: str | None = None

    def note_outage(self, why: str) -> None:
        """A write has failed: from now on writing is tried, at growing intervals, until it succeeds."""
        if self._outage is None:
            self._pause_s = PROBE_FIRST_S
        self._outage = why
        self._probe_s = time.monotonic() + self._pause_s

    def why_not(self, min_free_mb: int) -> str | None:
        """Reason why no job should be taken now; None when one may be. Checks the disk once a second at most.

        Args:
            min_free_mb: MiB that the queue's disk must have free.
        """
        now_s = time.monotonic()
        if self._outage is not None and now_s >= self._probe_s:
            self._probe(now_s)
        if now_s >= self._check_s:
            self._check_s = now_s + CHECK_EVERY_S
            self._full = self._nearly_full(min_free_mb)
        return self._outage or self._full

    def _probe(self, now_s: float) -> None:
        try:
            check_writable(self._queue, self._stores.opened())
        except (QueueError, StoreError) as error:
            self._outage = str(error)
            self._pause_s = min(self._pause_s * 2, PROBE_MOST_S)
            self._probe_s = now_s + self._pause_s
        else:
            self._outage = None

    def _nearly_full(self, min_free_mb: int) -> str | None:
        folder = self._queue.local_folder
        try:
            free_mb = shutil.disk_usage(folder).free // _MIB
        except OSError as error:
            return f"{folder}: {error.strerror}"
        if free_mb >= min_free_mb:
            return None
        return f"{folder}: only {free_mb} MiB are free, fewer than {min_free_mb} (--min-free-mb)"
