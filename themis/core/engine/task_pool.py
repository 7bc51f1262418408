"""The task pool of a run: each of its tasks takes one case after the other.

With a slow model many cases must be in flight; with components that answer at once, every additional task only delays
everything else on the event loop. So a task pool begins small, and grows while all its members wait for a model: where
they wait for room behind them, more of them would only take turns at waiting.

There are at most as many members as calls may be in flight, and none in reserve: a member that ends a case begins the
next at once, which spreads out calls that would otherwise keep ending together, in bursts that wait for each other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter

from themis.core.engine.case_work import CaseWork

BREATH_S = 0.002
"""Seconds of work without a pause after which the event loop gets a turn."""

FIRST_MEMBERS = 2
GROWTH_FACTOR = 4
GROWTH_INTERVAL_S = 0.002


class TaskPool:
    """Processes cases, up to a limit of them at a time."""

    def __init__(
        self,
        cases: Iterator[CaseWork],
        work: Callable[[CaseWork], Awaitable[None]],
        limit: int,
        is_held_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """Call `work` for each of `cases`, for at most `limit` of them at a time.

        Args:
            cases: the cases.
            work: does what is to be done with one.
            limit: maximum number of members.
            is_held_up: whether the members wait for room behind them; then their number does not grow.
        """
        self._cases = cases
        self._work = work
        self._limit = limit
        self._is_held_up = is_held_up
        self._members = 0
        self._breathing = 0
        self._finished = False
        self._wakes = asyncio.Event()
        self._loop_had_turn = True
        self._turn_began = 0.0

    async def run(self) -> None:
        """Wait until every case is done; the first exception of a member cancels the others, and is raised."""
        try:
            async with asyncio.TaskGroup() as group:
                while self._members < self._limit and not self._finished:
                    if not self._members or not (self._breathing or self._is_held_up()):
                        wanted = min(self._limit, max(FIRST_MEMBERS, self._members * GROWTH_FACTOR))
                        for _ in range(wanted - self._members):
                            group.create_task(self._member())
                        self._members = wanted
                    await self._pause()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _pause(self) -> None:
        """Wait until it is time to grow again, or there are no more cases."""
        timer = asyncio.get_running_loop().call_later(GROWTH_INTERVAL_S, self._wakes.set)
        await self._wakes.wait()
        timer.cancel()
        self._wakes.clear()

    async def _member(self) -> None:
        me = asyncio.current_task()
        for case in self._cases:
            await self._work(case)
            if me is not None and me.cancelling():
                raise asyncio.CancelledError  # a component swallowed it
            if self._loop_had_turn:
                self._begin_turn()
            elif perf_counter() - self._turn_began > BREATH_S:
                self._breathing += 1
                await asyncio.sleep(0)
                self._breathing -= 1
        self._finished = True
        self._wakes.set()

    def _begin_turn(self) -> None:
        """Note when the event loop runs again: cases that wait for something give it a turn, and need no pause."""
        self._loop_had_turn = False
        self._turn_began = perf_counter()
        asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._loop_had_turn = True
