"""Time limit that also holds for code that never yields, and for code that refuses to stop.

Code that yields is cancelled by the event loop. Code that blocks the loop is interrupted from another thread, again and
again: each of many cases may block it. Code that continues after its cancellation is awaited a while, then abandoned.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from themis.core import stores
from themis.core.engine.calls import blocking
from themis.core.engine.calls.call_thread import home
from themis.core.errors import TimeLimitError
from themis.core.processes.interruption import Interruptible, Interruption, interruptible

Value = TypeVar("Value")


async def within(seconds: float | None, work: Coroutine[Any, Any, Value]) -> Value:
    """Return the result of `work`, which is stopped after the given seconds, or when this task is cancelled.

    This also stops code that blocks the event loop; but a system call is interrupted only in a process's main thread.
    Code that ignores its cancellation is waited for no longer than `LAST_WORD_S`; a blocking function then returns
    too, although its event loop is still blocked.

    Args:
        seconds: from now; None for no limit.
        work: to be done.

    Raises:
        TimeLimitError: it took longer.
    """
    task = asyncio.create_task(work)
    is_late = False
    with _alarm(seconds):
        try:
            await asyncio.wait({task}, timeout=seconds)
            is_late = not task.done()
        finally:
            await _stop(task)
    if is_late and (not task.done() or task.cancelled()):
        raise TimeLimitError(seconds=seconds)
    try:
        return task.result()
    except Interruption:
        raise TimeLimitError(seconds=seconds) from None


async def _stop(task: "asyncio.Task[Any]") -> None:
    if not task.done():
        # Its exception is read whenever it ends, so that asyncio does not log one that nobody needs any more.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        task.cancel()
        await asyncio.wait({task}, timeout=blocking.LAST_WORD_S)


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    """Context in which code that blocks the event loop is interrupted once the time is over."""
    if seconds is None:
        yield
        return
    alarm = _Alarm(seconds)
    # A store must finish what it began, or could no longer be written; the next ring comes soon.
    with interruptible(alarm.is_due, spared=stores) as thread:
        threading.Thread(target=alarm.watch, args=(thread,), name="themis-time-limit", daemon=True).start()
        try:
            yield
        finally:
            alarm.end()


class _Alarm:
    """Watches, from a thread of its own, a loop whose time is over.

    It rings only when the loop has not run since the previous ring, so that it never abandons a loop that only waits.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._waiter = home.get()
        self._came_round = threading.Event()
        self._ended = threading.Event()

    def is_due(self) -> bool:
        """Whether the loop appears to be blocked now."""
        return not (self._came_round.is_set() or self._ended.is_set())

    def end(self) -> None:
        """Stop watching: the limited work is over."""
        self._ended.set()

    def watch(self, thread: Interruptible) -> None:
        """Ring, from another thread, until the end."""
        # Code that yields is stopped by the event loop.
        if self._ended.wait(self._seconds + blocking.GRACE_S):
            return
        came_round_s = time.monotonic()
        while True:
            self._came_round.clear()
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._came_round.set)
            if self._ended.wait(blocking.AGAIN_S):
                return
            if self._came_round.is_set():
                came_round_s = time.monotonic()
            elif time.monotonic() - came_round_s > blocking.LAST_WORD_S and self._waiter is not None:
                self._waiter.leave(TimeLimitError(seconds=self._seconds))
                return
            else:
                thread.ring()
