"""Standard streams of a job's process: UTF-8, line by line, and never broken by a text that cannot be encoded.

The fork server arranges its own in this way, and each job's process, which inherits them, only exchanges the files
behind them.
"""

import contextlib
import faulthandler
import logging
import os
import sys


def arrange() -> None:
    """Arrange the streams of this process, and what writes to them: logging, and the report of a crash."""
    for number in range(3):  # a program may be started without some of them
        with contextlib.suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDWR)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)


def redirect(prints: int) -> None:
    """Make this process write to the descriptor `prints`, and read nothing."""
    os.dup2(prints, 1)
    os.dup2(prints, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def flush() -> None:
    """Write what a component has printed and left in a buffer."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a component may have replaced them
            stream.flush()
