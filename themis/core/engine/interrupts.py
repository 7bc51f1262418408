"""Whether an interrupt is one: a component may raise KeyboardInterrupt of its own, which must fail but its case."""

import functools
import signal
from types import CodeType
from typing import Any

_SIGNALS = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]


def came_from_signal(error: KeyboardInterrupt) -> bool:
    """Whether a handler of a signal raised `error`: then it stands last in the traceback.

    Python's own handler leaves no trace; while it is installed, everybody is believed.
    """
    handlers = [signal.getsignal(number) for number in _SIGNALS]
    if signal.default_int_handler in handlers:
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code in {_code(handler) for handler in handlers}


def _code(handler: Any) -> CodeType | None:
    function = handler.func if isinstance(handler, functools.partial) else handler
    return getattr(function, "__code__", None)
