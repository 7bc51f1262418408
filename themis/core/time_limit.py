"""A limit on how long something may take, which also holds for code that never gives way."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

from themis.core.errors import TimeLimitError

# Code that gives way is stopped by the event loop; only what does not is left to the signal.
_GRACE_S = 0.5


class _StillBusyError(BaseException):
    """Not an Exception: a component that catches everything must not catch this."""


@asynccontextmanager
async def time_limit(seconds: float | None) -> AsyncIterator[None]:
    """A block that ends after so many seconds, with TimeLimitError; None never ends it.

    In a process's main thread this holds even for code that blocks the event loop; elsewhere such code runs on.
    """
    if seconds is None:
        yield
        return
    try:
        with _alarm(seconds + _GRACE_S):
            async with asyncio.timeout(seconds) as scope:
                yield
    except _StillBusyError:
        raise TimeLimitError(seconds=seconds) from None
    except TimeoutError:
        if scope.expired():
            raise TimeLimitError(seconds=seconds) from None
        raise


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _StillBusyError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
