"""Limits of providers of a run whose shards several hosts carry out: each host keeps to an equal part of them.

The processes of one host share its part among themselves, as they share all limits there. A host that begins waits
until the others have lowered their parts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from themis.core.config import RuntimeConfig
from themis.core.errors import StoreError
from themis.core.stores.protocol import RunStore

LOOK_S = 1.0
"""Seconds between two looks at the hosts."""

LOWERED_S = 2.5
"""Seconds after which all others have lowered their parts."""


@asynccontextmanager
async def followed(
    store: RunStore, run_id: str, runtime: RuntimeConfig, divide: Callable[[int], None]
) -> AsyncIterator[None]:
    """Context in which the limits of a run's providers are divided among the hosts that carry out its shards."""
    if not (runtime.provider_concurrency or runtime.provider_rate_limits or runtime.provider_token_limits):
        yield
        return
    hosts = store.hosts_of_shards(run_id)
    divide(max(hosts, 1))
    if hosts > 1:
        await asyncio.sleep(LOWERED_S)
    looking = asyncio.create_task(_look(store, run_id, divide))
    try:
        yield
    finally:
        looking.cancel()


async def _look(store: RunStore, run_id: str, divide: Callable[[int], None]) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        with suppress(StoreError):  # the writer waits for a store that is away, and says so
            divide(max(await asyncio.to_thread(store.hosts_of_shards, run_id), 1))
