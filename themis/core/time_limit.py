"""A limit on how long something may take, also for code that never gives way, and for code that will not be stopped.

What gives way is cancelled by the event loop. What blocks the loop is interrupted by an alarm, again and again: each of
many cases may block it. What goes on though it was cancelled is waited for a while, and then left to itself.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from themis.core.errors import TimeLimitError

Value = TypeVar("Value")

LAST_WORD_S = 5.0
"""Seconds for what was cancelled to end in order."""

# Code that gives way is stopped by the event loop; only what does not is left to the signal.
_GRACE_S = 0.5
_AGAIN_S = 0.1

# A store must end what it began, or could not be written any more; the next ring comes soon.
_NOT_INTERRUPTED = "themis.core.stores"

# Kept, as a task that is thrown away is thrown one more exception, which it would ignore too, loudly.
_abandoned: list["asyncio.Task[Any]"] = []


class _StillBusyError(BaseException):
    """Not an Exception: a component that catches everything must not catch this."""


async def within(seconds: float | None, work: Coroutine[Any, Any, Value]) -> Value:
    """The result of `work`, which is stopped after so many seconds, or when this task is cancelled.

    In a process's main thread this holds even for code that blocks the event loop; elsewhere such code runs on. What
    ignores that it is stopped is waited for, for `LAST_WORD_S`, and no longer.

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
    except _StillBusyError:
        raise TimeLimitError(seconds=seconds) from None


def run_to_end(main: Coroutine[Any, Any, Value]) -> Value:
    """What `main` returns, run in an event loop of its own, as by `asyncio.run`.

    But for this: a task that ignores its cancellation, for which `asyncio.run` would wait for ever, is left to itself.
    """
    runner = asyncio.Runner()
    try:
        return runner.run(main)
    finally:
        stubborn = runner.run(_stop_all())
        if stubborn:
            _abandoned.extend(stubborn)
            loop = runner.get_loop()
            loop.set_exception_handler(lambda _loop, _context: None)  # it would tell that they were left
            loop.close()
        else:
            runner.close()


async def _stop(task: "asyncio.Task[Any]") -> None:
    if not task.done():
        # Looked at whenever it ends, so that asyncio does not complain of an exception that nobody wants any more.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        task.cancel()
        await asyncio.wait({task}, timeout=LAST_WORD_S)


async def _stop_all() -> "set[asyncio.Task[Any]]":
    """Stop whatever else runs in this loop; what did not end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if not others:
        return set()
    _, pending = await asyncio.wait(others, timeout=LAST_WORD_S)
    return pending


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    is_main = threading.current_thread() is threading.main_thread()
    if seconds is None or not is_main or not hasattr(signal, "setitimer"):
        yield
        return
    loop = asyncio.get_running_loop()
    came_round = True

    def note_round() -> None:
        nonlocal came_round
        came_round = True

    def ring(_signal: int, frame: FrameType | None) -> None:
        nonlocal came_round
        if came_round:
            came_round = False
            loop.call_soon_threadsafe(note_round)
        elif not _is_in_store(frame):
            raise _StillBusyError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_S, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _is_in_store(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith(_NOT_INTERRUPTED):
            return True
        frame = frame.f_back
    return False
