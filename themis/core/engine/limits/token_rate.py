"""Limit on tokens per minute: an estimate is reserved before a call is sent, and corrected when its usage is known."""

from collections import deque
from dataclasses import dataclass

from themis.core.engine.limits.request_rate import CATCH_UP_S, seconds_each

_WINDOW_S = 60.5  # a minute, and the time by which calls may be late on their way to the provider
_SHARE_OF_LOG = 0.98  # of the minute's tokens; the rest is for calls in flight that use more than was estimated
_SLICE_S = 0.25  # calls within it share one entry of the log, so that the log is short whatever the rate


@dataclass(slots=True, eq=False)
class Slice:
    """Tokens of the calls that began together.

    Attributes:
        last: when the last of them began, by the clock of the event loop.
    """

    first: float
    last: float
    tokens: int = 0


class TokenRate:
    """A limit on tokens per minute: evenly spaced, and never more than `per_minute` in any minute.

    A call that needs more than the whole minute's tokens is made when nothing else was in the last minute.
    """

    def __init__(self, per_minute: float) -> None:
        """Allow `per_minute` tokens a minute, and a little less."""
        self.per_minute = per_minute
        self._s_per_token = seconds_each(per_minute)
        self._next = 0.0
        self._log: deque[Slice] = deque()
        self._in_log = 0

    def wait_s(self, now: float, tokens: int) -> float:
        """Seconds until a call of `tokens` may begin."""
        self._forget(now)
        spaced_s = max(0.0, self._next - now)
        excess = self._in_log + tokens - self.per_minute * _SHARE_OF_LOG
        leaves = now
        for entry in self._log:
            if excess <= 0:
                break
            if entry.tokens > 0:
                leaves = entry.last + _WINDOW_S
                excess -= entry.tokens
        return max(spaced_s, leaves - now)

    def take(self, now: float, tokens: int) -> Slice:
        """Reserve `tokens`; returns the entry of the log that holds them."""
        floor = now - CATCH_UP_S if self._next else now
        self._next = max(self._next, floor) + tokens * self._s_per_token
        return self._note(now, tokens)

    def correct(self, now: float, entry: Slice, reserved: int, used: int) -> None:
        """Replace a reservation by what was used, as if it had been known from the beginning."""
        self._next += (used - reserved) * self._s_per_token
        if now - entry.last < _WINDOW_S:
            entry.tokens += used - reserved
            self._in_log += used - reserved

    def set_per_minute(self, per_minute: float) -> None:
        """Allow so many from the next call on."""
        self.per_minute = per_minute
        self._s_per_token = seconds_each(per_minute)

    def _note(self, now: float, tokens: int) -> Slice:
        if not self._log or now - self._log[-1].first >= _SLICE_S:
            self._log.append(Slice(now, now))
        entry = self._log[-1]
        entry.last = max(entry.last, now)
        entry.tokens += tokens
        self._in_log += tokens
        return entry

    def _forget(self, now: float) -> None:
        while self._log and now - self._log[0].last >= _WINDOW_S:
            self._in_log -= self._log.popleft().tokens
