"""Cache for a value that is slow to compute, with a limit on how often it is."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ThrottledCache(Generic[Value]):
    """A value that is computed again when it is no longer fresh; any number of threads may ask for it at once.

    Args:
        find: computes the value.
        fresh_s: seconds for which it is fresh.
        share: maximum share of the time that computing it may take: if that is slow, it stays fresh for longer. None
            sets no limit.
    """

    def __init__(self, find: Callable[[], Value], *, fresh_s: float = 0.0, share: float | None = None) -> None:
        """Start without a value."""
        self._find = find
        self._fresh_s = fresh_s
        self._share = share
        self._lock = threading.Lock()
        self._found: list[Value] = []
        self._fresh_until_s = 0.0

    def get(self) -> Value:
        """Return the value; it is computed unless the last one is still fresh."""
        with self._lock:
            began_s = time.monotonic()
            if not self._found or began_s >= self._fresh_until_s:
                self._found = [self._find()]
                now_s = time.monotonic()
                took_s = 0.0 if self._share is None else (now_s - began_s) / self._share
                self._fresh_until_s = now_s + max(self._fresh_s, took_s)
            return self._found[0]
