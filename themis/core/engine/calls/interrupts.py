"""Exceptions that ask the run to end, told apart from similar ones of a component, which must only fail its case."""

import asyncio
import functools
import signal
import threading
from types import CodeType
from typing import Any

from themis.core.processes.interruption import Interruption

_SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]


def came_from_signal(error: KeyboardInterrupt) -> bool:
    """Whether a signal handler raised `error`: if so, it is last in the traceback.

    Python's own handler leaves no trace; while it is installed, every KeyboardInterrupt counts as a signal's. Signals
    reach only the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = [signal.getsignal(number) for number in _SIGNALS]
    if signal.default_int_handler in handlers:
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code in {_code(handler) for handler in handlers}


def asks_for_the_end(error: BaseException, task: "asyncio.Task[Any] | None") -> bool:
    """Whether `error` is a request to stop; if a component raised it by itself, only its case failed.

    Args:
        error: the exception that left the component.
        task: the task that called it; None in a thread.
    """
    if isinstance(error, Exception):
        return False
    if isinstance(error, Interruption):
        return True
    if isinstance(error, KeyboardInterrupt):
        return came_from_signal(error)
    if task is None:
        return False
    if isinstance(error, GeneratorExit):  # the task no longer runs, and is only being garbage-collected
        return not _is_running(task)
    return isinstance(error, asyncio.CancelledError) and bool(task.cancelling())


def _is_running(task: "asyncio.Task[Any]") -> bool:
    try:
        return asyncio.current_task() is task
    except RuntimeError:
        return False


def _code(handler: Any) -> CodeType | None:
    function = handler.func if isinstance(handler, functools.partial) else handler
    return getattr(function, "__code__", None)
