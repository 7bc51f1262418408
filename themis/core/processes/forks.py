"""Forked copies of this process: a component may fork (a process pool does), and its child has a copy of the run.

The child may do the component's work, but nothing of the run: it must not continue its cases, write outcomes or settle
its job, and a signal must be able to end it. So each piece of work remembers how many forks led to its process when it
began; a child has one more.
"""

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from themis.core.errors import ForkedCopyError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

LEFT_OVER = 70
"""Exit code of a copy that returned from a component's call; EX_SOFTWARE of sysexits.h."""

Handler = Callable[[int, Any], Any] | signal.Handlers

_ASKING = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]


class _Line:
    """The line of forks that this process comes from.

    Attributes:
        forks: their number since this module was loaded.
        handlers: those that `handling` has installed, and those before them; innermost last.
        loops: the event loops of the active runs of this process.
        masks: by thread, the signals that were blocked before its current fork.
    """

    def __init__(self) -> None:
        self.forks = 0
        self.handlers: list[tuple[int, Handler, Any]] = []
        self.loops: list[AbstractEventLoop] = []
        self.masks: dict[int, set[int]] = {}


line = _Line()


def refuse_copy(forks: int, what: str) -> None:
    """Let only the process pass in which `line.forks` is unchanged.

    Raises:
        ForkedCopyError: this is a forked copy of that process.
    """
    if line.forks != forks:
        raise ForkedCopyError(what=what, pid=os.getpid())


def end_copy(error: BaseException | None = None) -> NoReturn:
    """End this process, a forked copy that returned from a component's call, at once and without any cleanup.

    A copy that called `sys.exit` keeps its own exit code.
    """
    code = LEFT_OVER
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    else:
        with contextlib.suppress(Exception):
            os.write(2, f"themis: {ForkedCopyError(what='going on with the run', pid=os.getpid())}\n".encode())
    os._exit(code & 0xFF)


@contextmanager
def handling(handlers: Mapping[int, Handler]) -> Iterator[None]:
    """Context in which signals have these handlers, in this process but not in its forked children.

    Afterwards, and in a child at once, the previous handlers are restored, unless the handler has been replaced in the
    meantime. Outside a process's main thread it does nothing: signals cannot be handled there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    entries = [(number, handler, signal.getsignal(number)) for number, handler in handlers.items()]
    for entry in entries:
        line.handlers.append(entry)
        signal.signal(entry[0], entry[1])
    try:
        yield
    finally:
        for entry in reversed(entries):
            line.handlers.remove(entry)
            _put_back(entry)


@contextmanager
def run_of(loop: "AbstractEventLoop") -> Iterator[None]:
    """Context of a run on `loop`: a child that is forked in it does not share the loop."""
    line.loops.append(loop)
    try:
        yield
    finally:
        line.loops.remove(loop)


def _put_back(entry: tuple[int, Handler, Any]) -> None:
    number, handler, before = entry
    if signal.getsignal(number) is handler and before is not None:
        signal.signal(number, before)


def _hold_signals() -> None:
    """Block signals before a fork: one that reached the child before it dropped the parent's handlers would be lost."""
    if line.handlers or line.loops:
        line.masks[threading.get_ident()] = {
            int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING)
        }


def _let_signals_through() -> None:
    mask = line.masks.pop(threading.get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _begin_copy() -> None:
    """In a forked child: drop the signal handlers of the parent's run, and leave its event loop."""
    line.forks += 1
    entries, line.handlers = line.handlers, []
    loops, line.loops = line.loops, []
    for entry in reversed(entries):
        _put_back(entry)
    if loops:
        _forget_signals_of_loops()
    for loop in loops:
        # If the child returns to the loop, it finds this there; the loop's own wake-up belongs to the parent.
        with contextlib.suppress(RuntimeError):
            loop.call_soon(end_copy)
    _let_signals_through()


def _forget_signals_of_loops() -> None:
    """Detach from a loop's signals: they arrive by a descriptor that the child shares, and would end the parent."""
    for number in _ASKING:
        if _is_a_loops(signal.getsignal(number)):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    with contextlib.suppress(ValueError):
        signal.set_wakeup_fd(-1)


def _is_a_loops(handler: Any) -> bool:
    function = handler.func if isinstance(handler, functools.partial) else handler
    return str(getattr(function, "__module__", "")).partition(".")[0] == "asyncio"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_signals, after_in_parent=_let_signals_through, after_in_child=_begin_copy)
