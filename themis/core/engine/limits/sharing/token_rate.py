"""Limit on tokens per minute: an estimate is reserved before a call is sent, and corrected when its usage is known."""

from themis.core.engine.limits.sharing.request_rate import CATCH_UP_S, seconds_each
from themis.core.shared_limits.quota_document import TokenState

WINDOW_S = 60.5
"""A minute, and the time by which calls may be late on their way to the provider."""

_SHARE_OF_LOG = 0.98  # of the minute's tokens; the rest is for calls in flight that use more than was estimated
_ENTRY_S = 0.25  # calls within it share one entry of the log, so that the log is short whatever the rate
_FIRST, _LAST, _TOKENS = 0, 1, 2


class TokenRate:
    """A limit on tokens per minute: evenly spaced, and never more than `per_minute` in any minute.

    A call that needs more than the whole minute's tokens is made when nothing else was in the last minute.
    """

    def __init__(self, state: TokenState, per_minute: float) -> None:
        """Allow `per_minute` tokens a minute, and a little less, beside those that were taken according to `state`."""
        self._state = state
        self._per_minute = per_minute
        self._s_per_token = seconds_each(per_minute)

    def wait_s(self, now: float, tokens: float) -> float:
        """Seconds until a call of `tokens` may begin."""
        self._forget(now)
        log = self._state.log
        excess = sum(entry[_TOKENS] for entry in log) + tokens - self._per_minute * _SHARE_OF_LOG
        leaves = now
        for entry in log:
            if excess <= 0:
                break
            if entry[_TOKENS] > 0:
                leaves = entry[_LAST] + WINDOW_S
                excess -= entry[_TOKENS]
        return max(0.0, self._state.next - now, leaves - now)

    def in_seconds(self, seconds: float) -> float:
        """Tokens of so many seconds."""
        return seconds / self._s_per_token

    def take(self, at: float, tokens: float) -> float:
        """Reserve `tokens` for calls that begin at `at`; returns the name of the entry of the log that holds them."""
        state = self._state
        floor = at - CATCH_UP_S if state.next else at
        state.next = max(state.next, floor) + tokens * self._s_per_token
        if not state.log or at - state.log[-1][_FIRST] >= _ENTRY_S:
            state.log.append([at, at, 0.0])
        entry = state.log[-1]
        entry[_LAST] = max(entry[_LAST], at)
        entry[_TOKENS] += tokens
        return entry[_FIRST]

    def correct(self, entry_name: float, more: float) -> None:
        """Count `more` tokens, or less if it is negative, in an entry, as if it had been known from the beginning."""
        self._state.next += more * self._s_per_token
        for entry in self._state.log:
            if entry[_FIRST] == entry_name:
                entry[_TOKENS] += more

    def _forget(self, now: float) -> None:
        log = self._state.log
        while log and now - log[0][_LAST] >= WINDOW_S:
            log.pop(0)
