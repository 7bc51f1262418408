"""Failures in a row over all shards of a run: each shard tells the others of its own, and stops when one of them does.

What they tell each other is in the run's row. A shard looks each second, whether it has something to tell or not, and
writes only if it has failures, or a success that ends a row of others.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from themis.core.engine.breaking.rows import FailureRows, Reason, Stretch
from themis.core.engine.breaking.shared_rows import SharedRows, Stop
from themis.core.errors import ThemisError
from themis.core.outcomes.codec import now_ms
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunStore

LOOK_S = 1.0
"""Seconds between two looks at what others tell."""

LAST_TRIES = 3
"""Tries to tell why this shard stops the run, where the store cannot be used."""


class OtherShards:
    """Exchanges failures in a row with the other shards of a run."""

    def __init__(self, store: RunStore, run_id: str, fence: Fence, failures: FailureRows) -> None:
        """Tell of `failures` under the claim of this shard."""
        self._store = store
        self._run_id = run_id
        self._fence = fence
        self._failures = failures
        self._seen: int | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether this shard stops the run."""
        return self._failures.stopped is not None

    def begin(self) -> None:
        """Look whether the run is stopped.

        Raises:
            KeyRefusedError, ProviderOutageError, RepeatedFailureError, RunStoppedError: it is; with the same reason.
        """
        stop = self._read().stop
        if stop is None:
            return
        self._seen = stop.at_ms
        if stop.holds(now_ms()):
            raise stop.reason.error

    async def exchange(self) -> ThemisError | None:
        """Tell what has ended since the last time; returns the reason for which another shard has stopped the run.

        Raises:
            ThemisError: the store cannot be used, or the claim is lost.
        """
        told = self._failures.take()  # counted on the event loop
        try:
            found = await asyncio.to_thread(self._told, told, self._failures.stopped)
        except BaseException:
            self._failures.keep_cuts(told)
            raise
        return found.reason.error if found is not None and self._is_new(found) else None

    def _told(self, told: Mapping[str, Stretch], stopped: Reason | None) -> Stop | None:
        """Add what this shard tells to the run's row, unless the run is stopped; returns the last stop."""
        found = self._read()
        writes = stopped is not None or any(one.failures or name in found.rows for name, one in told.items())
        if not writes or self._is_new(found.stop):
            return found.stop
        with self._store.transaction():
            self._store.lock_run(self._run_id)
            found = self._read()
            if not self._is_new(found.stop):
                found.add(told, now_ms())
                if stopped is not None and not self._is_new(found.stop):
                    found.stop_for(stopped, now_ms())
                self._store.put_failure_rows(self._run_id, found.text(), self._fence)
        return found.stop

    def _is_new(self, stop: Stop | None) -> bool:
        return stop is not None and stop.at_ms != self._seen

    def _read(self) -> SharedRows:
        return SharedRows.read(self._store.failure_rows(self._run_id))


@asynccontextmanager
async def stopped_together(others: OtherShards) -> AsyncIterator[None]:
    """Context that is cancelled when another shard stops the run; raises the same reason then.

    Raises:
        KeyRefusedError, ProviderOutageError, RepeatedFailureError, RunStoppedError: another shard has stopped the run.
    """
    others.begin()
    task = asyncio.current_task()
    assert task is not None, "it runs in a task"  # noqa: S101
    asked_before, reasons, has_ended = task.cancelling(), list[ThemisError](), asyncio.Event()
    looking = asyncio.create_task(_look(others, task, reasons, has_ended))
    try:
        yield
    except asyncio.CancelledError:
        looking.cancel()
        if reasons and task.uncancel() <= asked_before:
            raise reasons[0] from None
        raise
    finally:
        has_ended.set()
        await asyncio.wait({looking})


async def _look(
    others: OtherShards, task: "asyncio.Task[Any]", reasons: list[ThemisError], has_ended: asyncio.Event
) -> None:
    tries = 0
    while not reasons:
        with suppress(TimeoutError):
            await asyncio.wait_for(has_ended.wait(), LOOK_S)
        is_last = has_ended.is_set()  # the last one tells why this shard stops, if it does
        try:
            found = await others.exchange()
        except ThemisError:  # the writer waits for a store that is away, or finds that the claim is lost
            tries += is_last
            if is_last and (tries == LAST_TRIES or not others.is_stopping):
                return
            if is_last:
                await asyncio.sleep(LOOK_S)
            continue
        if is_last:
            return
        if found is not None and not has_ended.is_set():
            reasons.append(found)
            task.cancel()
