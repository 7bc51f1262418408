"""An event loop whose clock jumps to the next timer, so that hours pass at once and always in the same way."""

import asyncio
import heapq
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from themis.core.engine.limits.providers import providers
from themis.core.engine.limits.sharing.ledger import MemoryLedger

Value = TypeVar("Value")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Waits for nothing: when no callback is ready, it is the time of the next timer."""

    def __init__(self) -> None:
        """Begin at an arbitrary time."""
        super().__init__()
        self.now = 1_000.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]  # what every loop of CPython has
        while timers and timers[0].cancelled():  # else the loop really waits for the first one that is not
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
            heapq.heappop(timers)._scheduled = False
        if not self._ready and timers:  # type: ignore[attr-defined]
            self.now = max(self.now, timers[0].when())
        super()._run_once()  # type: ignore[misc]


def run_in_virtual_time(program: Coroutine[Any, Any, Value]) -> Value:
    """What `program` returns, on a loop of its own, with the same chance every time.

    Nothing whose clock is real takes part: neither other processes, nor the thread that reports the limits.
    """
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        patch.setattr(providers, "ledger_of", lambda *_: MemoryLedger())
        patch.setattr(providers, "_start", lambda _stop: None)
        before = random.getstate()
        random.seed(0)
        try:
            return runner.run(program)
        finally:
            random.setstate(before)


def virtual_now() -> float:
    """The time of the running loop."""
    return asyncio.get_running_loop().time()
