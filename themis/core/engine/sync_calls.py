"""Calls of synchronous components, which must not stall the event loop.

A fast component is called where it stands and pays nothing. One that is seen to block is moved to threads for the rest
of the run, several cases at a time, so that a hand-over is shared by a batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
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
        """Begin no more calls in threads; those that are under way end by themselves."""
        for lane in self._lanes.values():
            lane.close()

    def _note_slow(self, component: Any) -> None:
        key = id(component)
        self._slow_calls[key] = self._slow_calls.get(key, 0) + 1
        if self._slow_calls[key] >= SLOW_CALLS:
            self._lanes[key] = _Lane(self._threads)


_Answer = tuple[Any, BaseException | None]
_Call = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[_Answer]"]


class _Lane:
    """The threads of one component that blocks.

    Each batch has a thread of its own, which costs next to nothing beside calls that block. It is a daemon: a component
    that never returns must not keep the process alive, as it would in a pool.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._waiting: deque[_Call] = deque()
        self._batches: set[asyncio.Task[None]] = set()

    async def call(self, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((method, arguments, future))
        if len(self._batches) < self._threads:
            batch = asyncio.create_task(self._work())
            self._batches.add(batch)
            batch.add_done_callback(self._batches.discard)
        result, error = await future
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        for batch in self._batches:
            batch.cancel()

    async def _work(self) -> None:
        while self._waiting:
            # A fair share of what waits: one thread must not take everything while the others idle.
            share = min(BATCH_CALLS, -(-len(self._waiting) // self._threads))
            calls = [self._waiting.popleft() for _ in range(share)]
            answers = await _in_thread([call[:2] for call in calls])
            for (_, _, future), answer in zip(calls, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


async def _in_thread(calls: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[_Answer]:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[list[_Answer]] = loop.create_future()

    def hand_over(answers: list[_Answer]) -> None:
        if not answered.done():
            answered.set_result(answers)

    def work() -> None:
        answers = [_answer(method, arguments) for method, arguments in calls]
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(hand_over, answers)

    Thread(target=work, name="themis-blocking", daemon=True).start()
    return await answered


def _answer(method: Callable[..., Any], arguments: tuple[Any, ...]) -> _Answer:
    try:
        return method(*arguments), None
    except BaseException as error:  # noqa: BLE001  # raised again where it was called
        return None, error
