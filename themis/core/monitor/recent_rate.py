"""How fast something progresses, over the last seconds."""

from collections import deque

OVER_S = 20.0
"""Seconds that are looked back."""


class RecentRate:
    """How many a second were done lately."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._seen: deque[tuple[float, int]] = deque()

    def per_second(self, now_s: float, done: int) -> float:
        """The rate, given how many were done by now; 0 while it is not known.

        Args:
            now_s: the time by a clock that nobody sets, in seconds.
            done: how many were done by then.
        """
        self._seen.append((now_s, done))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > OVER_S:  # noqa: PLR2004  # two make a rate
            self._seen.popleft()
        then_s, before = self._seen[0]
        return (done - before) / (now_s - then_s) if now_s > then_s else 0.0
