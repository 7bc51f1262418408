"""Rate of progress over the last seconds."""

from collections import deque

OVER_S = 20.0
"""Length of the window, in seconds."""


class RecentRate:
    """The number of items per second in the recent past."""

    def __init__(self) -> None:
        """Start without any observation."""
        self._seen: deque[tuple[float, int]] = deque()

    def per_second(self, now_s: float, done: int) -> float:
        """Add an observation and return the rate, per second; 0 while it is unknown.

        Args:
            now_s: the time of a monotonic clock, in seconds.
            done: number of items done by then.
        """
        self._seen.append((now_s, done))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > OVER_S:  # noqa: PLR2004  # a rate needs two
            self._seen.popleft()
        then_s, before = self._seen[0]
        return (done - before) / (now_s - then_s) if now_s > then_s else 0.0
