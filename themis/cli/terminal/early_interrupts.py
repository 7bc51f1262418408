"""Ctrl-C in the first and last moments of a process, when nobody decides yet, or any more, what it ends.

Until a command begins, a KeyboardInterrupt would come out of the middle of an import. So SIGINT ends the process then,
with a line. A library may also lose a KeyboardInterrupt in a callback that cannot raise it, for which Python prints a
traceback and goes on; then the process ends in the same way.
"""

import _signal  # type: ignore[import-not-found]  # `signal` itself loads enumerations, which takes long
import os
import sys

INTERRUPTED = 130
_LINE = b"themis: interrupted\n"


def end_at_once(*_: object) -> None:
    """End the process with a line on standard error and 130, as a handler of SIGINT."""
    try:
        os.write(2, _LINE)
    finally:
        os._exit(INTERRUPTED)


def catch() -> None:
    """Let SIGINT end the process with a line, unless it is ignored, as in a shell's background, or somebody's own."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, end_at_once)
        sys.unraisablehook = _report


def hand_over() -> None:
    """Let SIGINT raise KeyboardInterrupt, if `catch` was called: from here on a command decides what it ends."""
    if _signal.getsignal(_signal.SIGINT) is end_at_once:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)


def _report(details: "sys.UnraisableHookArgs") -> None:
    """End the process when an interrupt was lost in a callback; report everything else as usual."""
    if details.exc_type is KeyboardInterrupt:
        end_at_once()
    sys.__unraisablehook__(details)
