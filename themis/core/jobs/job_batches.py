"""Cancellation of what cancelled jobs have left with a provider: their batches, which would be paid for."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

from themis.core.components.resolution import GENERATOR, load_component, make_importable
from themis.core.engine.batches.cancelling import cancel_batches, open_batches
from themis.core.engine.retry_policy import message_of
from themis.core.errors import ThemisError
from themis.core.jobs.payload import read_payload
from themis.core.jobs.store_cache import StoreCache
from themis.core.queue.model.manifest_file import Manifest
from themis.core.queue.model.states import JobState
from themis.core.queue.port import Queue
from themis.core.stores.job_rows import JobRow
from themis.core.stores.protocol import RunStore

STOP_WAIT_S = 5.0
"""Seconds to wait for a running job to stop: an attempt that looks at a batch lasts a moment."""

_LOOK_EVERY_S = 0.1


def cancel_batches_of(queue: Queue, rows: Sequence[JobRow]) -> Iterator[str]:
    """Ask the provider to end the batches of cancelled jobs; yields what became of each, for people.

    Best effort: a job stays cancelled whatever the provider answers, and whether or not its key is known here.
    """
    with closing(StoreCache()) as stores:
        for row in rows:
            try:
                yield from _of_job(queue, row, stores)
            except (ThemisError, OSError) as error:
                yield f"job {row.key}: its batches could not be cancelled, if it has any: {message_of(error)}"


def _of_job(queue: Queue, row: JobRow, stores: StoreCache) -> Iterator[str]:
    manifest = queue.admin.manifest(row.key)
    if manifest is None:
        return
    store = stores.run_store(manifest.store)
    if not open_batches(store, manifest.run_id):
        return
    if not _has_stopped(queue, row):
        yield f"job {row.key} still runs, so its batches were left; cancel it again"
        return
    for text in asyncio.run(cancel_batches(store, manifest.run_id, _generator(manifest, store))):
        yield f"job {row.key}: {text}"


def _has_stopped(queue: Queue, row: JobRow) -> bool:
    until_s = time.monotonic() + STOP_WAIT_S
    while row.state != JobState.CANCELLED:
        if time.monotonic() > until_s or row.state not in {JobState.RUNNING, JobState.QUEUED}:
            return False
        time.sleep(_LOOK_EVERY_S)
        row = queue.admin.show(row.key).row
    return True


def _generator(manifest: Manifest, store: RunStore) -> object:
    """Return the generator of a job, which knows the provider and the key."""
    folders = read_payload(manifest.payload, name=manifest.key).import_from
    for folder in folders:
        make_importable(folder)
    snapshot = store.load_snapshot(manifest.run_id)
    target = None if snapshot is None else snapshot.component_refs.generator.target
    return load_component(target, GENERATOR, where="generation.generator", folders=folders).live
