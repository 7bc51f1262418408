"""Calls of synchronous components, which must not stall the event loop.

A fast component is called where it stands and pays nothing. One that is seen to block is moved to threads for the rest
of the run, several cases at a time, so that a hand-over is shared by a batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from time import perf_counter, thread_time
from typing import Any

BLOCKING_S = 0.005
"""A call longer than this is felt by everything else on the event loop."""

SLOW_CALLS = 3
"""Blocking calls in a row until a component is moved: one alone may import something, or wait for another thread."""

BATCH_CALLS = 16
DEFAULT_THREADS = 4

BUSY_SHARE = 0.5
"""A batch that computes for more of its time than this would only fight with others for the interpreter's lock."""


class SyncCalls:
    """Calls synchronous components of one run."""

    def __init__(self, threads: int | None) -> None:
        """With so many threads for a component that blocks; None for one, and more when it is seen to wait."""
        self._threads = threads
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

    It begins with one, unless it is told how many: calls that compute gain nothing by more, and in two processes on two
    cores lose a tenth. Calls that wait, for a program or a network, are seen by the time that they do not compute.

    Each batch has a thread of its own, which costs next to nothing beside calls that block. It is a daemon: a component
    that never returns must not keep the process alive, as it would in a pool.
    """

    def __init__(self, threads: int | None) -> None:
        self._threads = threads or 1
        self._may_grow = threads is None
        self._waiting: deque[_Call] = deque()
        self._batches: set[asyncio.Task[None]] = set()

    async def call(self, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((method, arguments, future))
        if len(self._batches) < self._threads:
            self._begin_batch()
        result, error = await future
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        for batch in self._batches:
            batch.cancel()

    def _begin_batches(self) -> None:
        """Have all threads that there may be work on what waits."""
        for _ in range(min(self._threads - len(self._batches), len(self._waiting))):
            self._begin_batch()

    def _begin_batch(self) -> None:
        batch = asyncio.create_task(self._work())
        self._batches.add(batch)
        batch.add_done_callback(self._batches.discard)

    async def _work(self) -> None:
        while self._waiting:
            # A fair share of what waits: one thread must not take everything while the others idle.
            share = min(BATCH_CALLS, -(-len(self._waiting) // self._threads))
            calls = [self._waiting.popleft() for _ in range(share)]
            answers, busy_share = await _in_thread([call[:2] for call in calls])
            if self._may_grow and busy_share < BUSY_SHARE:
                self._threads, self._may_grow = DEFAULT_THREADS, False
                self._begin_batches()
            for (_, _, future), answer in zip(calls, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


async def _in_thread(calls: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> tuple[list[_Answer], float]:
    """The answers of a thread to some calls, and for which part of the time it computed."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[tuple[list[_Answer], float]] = loop.create_future()

    def hand_over(answers: list[_Answer], busy_share: float) -> None:
        if not answered.done():
            answered.set_result((answers, busy_share))

    def work() -> None:
        began_s, computed_s = perf_counter(), thread_time()
        answers = [_answer(method, arguments) for method, arguments in calls]
        lasted_s, computed_s = perf_counter() - began_s, thread_time() - computed_s
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(hand_over, answers, computed_s / lasted_s if lasted_s else 1.0)

    Thread(target=work, name="themis-blocking", daemon=True).start()
    return await answered


def _answer(method: Callable[..., Any], arguments: tuple[Any, ...]) -> _Answer:
    try:
        return method(*arguments), None
    except BaseException as error:  # noqa: BLE001  # raised again where it was called
        return None, error
