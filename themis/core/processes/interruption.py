"""Interrupting a thread that does not give way, from another one."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType

from themis.core.processes.forks import handling

# Ignored by whoever does not handle it, so that one that comes late does no harm; and hardly used by anybody.
_SIGNAL = getattr(signal, "SIGURG", None)


class Interruption(BaseException):
    """What is raised in the thread; not an Exception: a component that catches everything must not catch this."""


class Interruptible:
    """A thread that can be interrupted.

    A process's main thread is reached by a signal, which also ends a call that waits in the system; another thread
    notices when it comes back to Python.
    """

    def __init__(self, may: Callable[[], bool], *, spared: ModuleType) -> None:
        """This thread, for as long as `may` says so.

        Args:
            may: whether it may be interrupted; asked each time.
            spared: a package whose code is never interrupted.
        """
        self._may = may
        self._spared = spared
        self._outer = None if _SIGNAL is None else signal.getsignal(_SIGNAL)
        self._ident = threading.get_ident()
        self._by_signal = _SIGNAL is not None and threading.current_thread() is threading.main_thread()

    def ring(self) -> None:
        """Interrupt it, if that may be just now."""
        if self._by_signal and _SIGNAL is not None:
            signal.pthread_kill(self._ident, _SIGNAL)
        elif self._is_ready(sys._current_frames().get(self._ident)):  # noqa: SLF001  # the only way to see a thread
            import ctypes  # noqa: PLC0415  # costs 10 ms, and is hardly ever needed

            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._ident), ctypes.py_object(Interruption))

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """In the thread itself: raise what interrupts it.

        Raises:
            Interruption: always, unless it may not be interrupted just now.
        """
        if self._is_ready(frame):
            raise Interruption
        if callable(self._outer):  # what this thread does, it does within something that may be interrupted
            self._outer(number, frame)

    def _is_ready(self, frame: FrameType | None) -> bool:
        return self._may() and not _is_within(frame, self._spared)


@contextmanager
def interruptible(may: Callable[[], bool], *, spared: ModuleType) -> Iterator[Interruptible]:
    """A block in which others can interrupt this thread, while `may` says so, but not in the package `spared`."""
    this = Interruptible(may, spared=spared)
    with handling({_SIGNAL: this.on_signal} if _SIGNAL is not None else {}):
        yield this


def _is_within(frame: FrameType | None, package: ModuleType) -> bool:
    """Whether code of a package is being run, or has called what is."""
    inside = f"{package.__name__}."
    while frame is not None:
        if f"{frame.f_globals.get('__name__')}.".startswith(inside):
            return True
        frame = frame.f_back
    return False
