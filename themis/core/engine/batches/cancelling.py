"""Cancellation of the batches of a run that was cancelled: the provider is asked to end them."""

from typing import Any

from themis.core.engine.batch_endpoint import Submission, endpoint_of
from themis.core.engine.retry_policy import message_of
from themis.core.engine.sessions import session_of
from themis.core.stores.batch_rows import BatchRow, BatchState
from themis.core.stores.protocol import RunStore


def open_batches(store: RunStore, run_id: str) -> list[BatchRow]:
    """Return the batches of a run that the provider has, or may have, and was not asked to end."""
    return [row for row in store.batches(run_id) if row.is_open and not row.cancelled]


async def cancel_batches(store: RunStore, run_id: str, generator: Any) -> list[str]:
    """Ask the provider to end the batches of a run early; returns what became of each, for people.

    What was answered by then is read when the run is continued. A provider that cannot be asked changes nothing here.
    """
    endpoint = endpoint_of(generator)
    found = []
    async with session_of(generator):
        for row in open_batches(store, run_id):
            batch_id = row.batch_id
            try:
                if batch_id is None and endpoint.keeps_marks:
                    batch_id = await endpoint.find(Submission(run_id, row.nonce, row.lines, row.intended_ms))
                if batch_id is None:
                    if not endpoint.keeps_marks:
                        found.append(f"{endpoint.provider} may have a batch whose name is unknown: look there")
                    store.save_batch(run_id, row._replace(state=BatchState.CLOSED))
                    continue
                await endpoint.cancel(batch_id)
            except Exception as error:  # noqa: BLE001  # whatever the provider answers, the job stays cancelled
                why = message_of(error)
                found.append(f"batch {batch_id or ''} could not be cancelled, so cancel it at the provider: {why}")
                continue
            cancelled = row._replace(state=BatchState.SUBMITTED, batch_id=batch_id, cancelled=True, status="cancelled")
            store.save_batch(run_id, cancelled)
            found.append(f"batch {batch_id} of {endpoint.provider} was asked to end")
    return found
