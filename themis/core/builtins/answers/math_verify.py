"""Comparison of formulas by math-verify, in a process of its own.

math-verify bounds its time by an alarm, which works in a process's main thread alone, and not against a single
operation of Python's. So it is told to set none, and runs in a child whose time and memory the kernel limits.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from functools import lru_cache
from typing import IO

from themis.core.base import JSONValue
from themis.core.builtins.extras import is_installed

PACKAGES: dict[str, dict[str, JSONValue]] = {
    "math-verify": {"formulas": "latex"},
    "latex2sympy2_extended": {},
    "sympy": {},
}
"""The packages that decide what it says, with the options that they are used with."""

LIMIT_S = 5
"""Seconds of processor time for a comparison: a busy machine decides no answer."""

_MODULE = "themis.core.builtins.answers.math_verify_process"


def is_available() -> bool:
    """Whether math-verify is installed."""
    return is_installed("math_verify")


class MathVerify:
    """A child process that compares formulas, started by the first comparison, and again after one that ended it."""

    def __init__(self, limit_s: int = LIMIT_S) -> None:
        """Start nothing yet; a comparison may take `limit_s` seconds of processor time."""
        self._limit_s = limit_s
        self._owner = os.getpid()
        self._child: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def equal(self, answer: str, expected: str) -> bool | None:
        """Whether two formulas are equal; None when one of them is not read as one.

        Raises:
            TimeoutError: the comparison needs more time or memory than it may.
        """
        with self._lock:
            return self._ask(json.dumps([answer, expected]) + "\n")

    def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None and self._owner == os.getpid():
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _ask(self, line: str) -> bool | None:
        stdin, stdout = self._pipes()
        try:
            stdin.write(line)
            stdin.flush()
            reply = stdout.readline()
        except OSError:
            reply = ""
        except BaseException:
            self.close()  # its answer would be taken for that of the next comparison
            raise
        if not reply.endswith("\n"):
            self.close()
            raise TimeoutError
        found: bool | None = json.loads(reply)
        return found

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._owner != os.getpid():
            self._child = None  # that of the process which this one is a copy of
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._owner = os.getpid()
            self._child = subprocess.Popen(  # noqa: S603  # nothing of it comes from outside
                [sys.executable, "-P", "-m", _MODULE, str(self._limit_s)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        assert self._child.stdin is not None  # noqa: S101  # both are pipes
        assert self._child.stdout is not None  # noqa: S101
        return self._child.stdin, self._child.stdout


@lru_cache(maxsize=1)
def shared() -> MathVerify:
    """Return the one of this process, which ends with it: loading SymPy takes a second."""
    verify = MathVerify()
    atexit.register(verify.close)
    return verify
