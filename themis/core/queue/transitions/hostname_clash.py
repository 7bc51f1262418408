"""Hostname clash: two machines of one name on a shared queue would judge each other's workers by their own locks."""

import os
import time
from collections.abc import Iterator

from themis.core.errors import QueueRootError
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.folder.store_registry import StoreRegistry
from themis.core.queue.folder.worker_registry import reports_of
from themis.core.queue.model import layout
from themis.core.queue.model.states import JobState
from themis.core.stores.job_rows import Owner

_NS = 1e9


def refuse_hostname_clash(root: QueueRoot, registry: StoreRegistry, here: Owner) -> None:
    """Refuse to work on a shared queue while another machine of the same host name works on it.

    A machine that was restarted counts as another one until the heartbeats and leases from before are over.

    Raises:
        QueueRootError: there is a hostname clash.
    """
    if not root.shared or not here.boot_id:
        return
    for worker, boot_id, left_s in (*_heartbeats(root, here.host), *_leases(root, registry, here.host)):
        if boot_id and boot_id != here.boot_id and left_s > 0:
            detail = (
                f"another machine with the host name {here.host!r} works here too (worker {worker}); give one of the "
                f"two another name, or, if it was this machine before a restart, try again in {left_s:.0f} s"
            )
            raise QueueRootError(path=root.path, detail=detail)


def _heartbeats(root: QueueRoot, host: str) -> Iterator[tuple[str, str, float]]:
    """Yield the registered workers of a host: name, boot id, and seconds for which the last heartbeat still counts."""
    for report in reports_of(root.path):
        if report.host == host:
            # Ahead or behind: the clocks of two hosts differ.
            age_s = abs(time.time_ns() - report.heartbeat_ns) / _NS
            yield report.worker, report.boot_id, root.lease_s - age_s


def _leases(root: QueueRoot, registry: StoreRegistry, host: str) -> Iterator[tuple[str, str, float]]:
    """Yield the owners of running jobs on a host: worker, boot id, and remaining seconds of its lease."""
    for name in os.listdir(root.folder(layout.CLAIMED)):  # noqa: PTH208  # names only
        entry = layout.parse(layout.CLAIMED, name)
        found = None if entry is None else registry.find_exactly(entry.key)
        if found is None:
            continue
        store, row = found
        owner = row.owner
        if row.state == JobState.RUNNING and owner is not None and owner.host == host and row.lease_until_ms:
            yield owner.worker, owner.boot_id, (row.lease_until_ms - store.clock_ms()) / 1_000
