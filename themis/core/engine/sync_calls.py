"""Calls of synchronous components, which must not stall the event loop.

A fast component is called where it stands and pays nothing. One that is seen to block is moved to threads for the rest
of the run, several cases at a time, so that a hand-over is shared by a batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

BLOCKING_S = 0.005
"""A call longer than this is felt by everything else on the event loop."""

SLOW_CALLS = 3
"""Blocking calls in a row until a component is moved: one alone may import something, or wait for another thread."""

BATCH_CALLS = 16
DEFAULT_THREADS = 4


class SyncCalls:
    """Calls synchronous components of one run."""

    def __init__(self, threads: int | None) -> None:
        """With so many threads at most for a component that blocks."""
        self._threads = threads or DEFAULT_THREADS
        self._slow_calls: dict[int, int] = {}
        self._lanes: dict[int, _Lane] = {}

    def has_moved(self, component: Any) -> bool:
        """Whether `component` was seen to block, so that it is to be called by `in_thread`."""
        return id(component) in self._lanes

    def here(self, component: Any, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """What `method` of `component` returns, called on the spot and timed."""
        started = perf_counter()
        try:
            return method(*arguments)
        finally:
            if perf_counter() - started > BLOCKING_S:
                self._note_slow(component)
            elif self._slow_calls:
                self._slow_calls.pop(id(component), None)

    async def in_thread(self, component: Any, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """What `method` of `component`, which has moved, returns."""
        return await self._lanes[id(component)].call(method, arguments)

    def close(self) -> None:
        """End the threads."""
        for lane in self._lanes.values():
            lane.close()

    def _note_slow(self, component: Any) -> None:
        key = id(component)
        self._slow_calls[key] = self._slow_calls.get(key, 0) + 1
        if self._slow_calls[key] >= SLOW_CALLS:
            self._lanes[key] = _Lane(self._threads)


_Call = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any]"]


class _Lane:
    """The threads of one component that blocks."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="themis-blocking")
        self._waiting: deque[_Call] = deque()
        self._batches: set[asyncio.Task[None]] = set()

    async def call(self, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((method, arguments, future))
        if len(self._batches) < self._threads:
            batch = asyncio.create_task(self._work())
            self._batches.add(batch)
            batch.add_done_callback(self._batches.discard)
        return await future

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            # A fair share of what waits: one thread must not take everything while the others idle.
            share = min(BATCH_CALLS, -(-len(self._waiting) // self._threads))
            calls = [self._waiting.popleft() for _ in range(share)]
            results = await loop.run_in_executor(self._pool, _call_all, [call[:2] for call in calls])
            for (_, _, future), (result, error) in zip(calls, results, strict=True):
                if future.done():
                    continue
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(result)


def _call_all(calls: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[tuple[Any, Exception | None]]:
    results: list[tuple[Any, Exception | None]] = []
    for method, arguments in calls:
        try:
            results.append((method(*arguments), None))
        except Exception as error:  # noqa: BLE001  # raised again where it was called
            results.append((None, error))
    return results
