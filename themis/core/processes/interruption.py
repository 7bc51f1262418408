"""Interruption of a thread that does not yield, from another thread."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType

from themis.core.processes.forks import handling

# Ignored by default, so that a late one does no harm; and rarely used by other programs.
_SIGNAL = getattr(signal, "SIGURG", None)


class Interruption(BaseException):
    """Raised in the interrupted thread; not an Exception, so that a component's broad `except` does not catch it."""


class Interruptible:
    """A thread that can be interrupted.

    A process's main thread is reached by a signal, which also ends a blocking system call; another thread notices when
    it returns to Python code.
    """

    def __init__(self, may: Callable[[], bool], *, spared: ModuleType) -> None:
        """Make this thread interruptible while `may` returns true.

        Args:
            may: whether it may be interrupted; called each time.
            spared: a package whose code is never interrupted.
        """
        self._may = may
        self._spared = spared
        self._outer = None if _SIGNAL is None else signal.getsignal(_SIGNAL)
        self._ident = threading.get_ident()
        self._by_signal = _SIGNAL is not None and threading.current_thread() is threading.main_thread()

    def ring(self) -> None:
        """Interrupt the thread, if `may` allows it now."""
        if self._by_signal and _SIGNAL is not None:
            signal.pthread_kill(self._ident, _SIGNAL)
        else:
            import ctypes  # noqa: PLC0415  # costs 10 ms, and is hardly ever needed

            interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc
            ident, error = ctypes.c_ulong(self._ident), ctypes.py_object(Interruption)
            frame = sys._current_frames().get(self._ident)  # noqa: SLF001  # the only way to see a thread
            if self._is_ready(frame) and not _starts_thread(frame):
                interrupt(ident, error)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """In the thread itself: raise the interruption.

        Raises:
            Interruption: always, unless it may not be interrupted now.
        """
        if self._is_ready(frame) and not _starts_thread(frame):
            raise Interruption
        if callable(self._outer):  # the whole work of this thread may be interrupted
            self._outer(number, frame)

    def _is_ready(self, frame: FrameType | None) -> bool:
        return self._may() and not _is_within(frame, self._spared)


@contextmanager
def interruptible(may: Callable[[], bool], *, spared: ModuleType) -> Iterator[Interruptible]:
    """Context in which others can interrupt this thread, while `may` returns true, but not in the package `spared`."""
    this = Interruptible(may, spared=spared)
    with handling({_SIGNAL: this.on_signal} if _SIGNAL is not None else {}):
        yield this


def _starts_thread(frame: FrameType | None) -> bool:
    """Whether a thread waits for another that it starts.

    Up to Python 3.11 that one has the number of its parent until it runs: it would be interrupted instead, before it
    could say that it has started, and the parent would wait for ever.
    """
    return any(one.f_code is threading.Thread.start.__code__ for one in _with_callers(frame))


def _is_within(frame: FrameType | None, package: ModuleType) -> bool:
    """Whether code of a package is running, or has called the code that is."""
    inside = f"{package.__name__}."
    return any(f"{one.f_globals.get('__name__')}.".startswith(inside) for one in _with_callers(frame))


def _with_callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
