"""A value that takes long to find, and is looked for only so often."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ThrottledCache(Generic[Value]):
    """A value that is looked for again when it is no longer fresh; any number of threads may ask for it at once.

    Args:
        find: finds the value.
        fresh_s: how long it is fresh, in seconds.
        share: how much of the time finding it may take: it stays fresh for longer when that takes long. None sets no
            limit.
    """

    def __init__(self, find: Callable[[], Value], *, fresh_s: float = 0.0, share: float | None = None) -> None:
        """Nothing is looked for yet."""
        self._find = find
        self._fresh_s = fresh_s
        self._share = share
        self._lock = threading.Lock()
        self._found: list[Value] = []
        self._fresh_until_s = 0.0

    def get(self) -> Value:
        """The value, as it was a short while ago."""
        with self._lock:
            began_s = time.monotonic()
            if not self._found or began_s >= self._fresh_until_s:
                self._found = [self._find()]
                now_s = time.monotonic()
                took_s = 0.0 if self._share is None else (now_s - began_s) / self._share
                self._fresh_until_s = now_s + max(self._fresh_s, took_s)
            return self._found[0]
