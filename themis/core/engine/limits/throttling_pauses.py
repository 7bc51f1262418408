"""Pauses of a provider's gate: `Retry-After`, used-up quotas, and growing pauses where the provider names none."""

import math
import random
from collections import deque
from collections.abc import Callable
from typing import Any, TypeGuard

from themis.core.shared_limits.quota_document import Pause
from themis.core.values.bounds import MOST_DELAY_S

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
"""Bounds of the pause after a throttled answer without a `Retry-After`; it doubles each time."""

SPREAD = 0.25
"""Part by which a pause is lengthened at random, so that processes that were throttled together do not return so."""

MINUTE_S = 60.25
"""A minute, and the time by which a call may arrive later than the one a minute before it.

A quota is usually one per minute. So where a provider does not say how long to wait, one pause of a row ends when the
calls that were answered in the last minute begin to be that old, if it would end later otherwise. A pause that begins
less than `FIRST_PAUSE_S` before that time still lasts as long as the first one.
"""

OPENING_S = 1.0
"""Seconds in which the calls of a whole limit begin after a pause, so that they do not all arrive at once."""

_SLICE_S = 0.25  # answered calls within it are remembered by the first


class ThrottlingPauses:
    """The pauses of one provider's gate; times are those of one clock, in seconds.

    Attributes:
        until: when the gate opens; it is closed before.
        why: the cause of the last pause.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """An open gate.

        Args:
            chance: returns a number from 0 to 1 at random; decides how much of `SPREAD` a pause gets.
        """
        self._chance = chance
        self.until = -math.inf
        self.why = ""
        self._began = -math.inf
        self._pauses = 0
        self._let_in = 0
        self._answered: deque[float] = deque()  # when calls of the last minute began
        self._minute_was_tried = False

    def is_closed(self, now: float) -> bool:
        """Whether no call may begin."""
        return now < self.until

    @property
    def last(self) -> Pause:
        """The last pause."""
        return Pause(self.until, self._began, self.why)

    def adopt(self, pause: Pause) -> None:
        """Keep a pause that another process was asked for."""
        if pause.until > self.until:
            self.until, self.why, self._let_in = pause.until, pause.why, 0
            self._began = max(self._began, pause.began)

    def wait_s(self, now: float, limit: float) -> float:
        """Seconds until the next call may begin, when `limit` calls may be in flight."""
        if now >= self.until + OPENING_S:
            return 0.0
        return max(0.0, self.until + self._let_in * OPENING_S / max(1.0, limit) - now)

    def take(self) -> None:
        """Count a call that began."""
        self._let_in += 1

    def throttled(self, now: float, sent_at: float, retry_after_s: float) -> None:
        """Close the gate: for the time that the provider asks for, else for a pause that grows."""
        if retry_after_s > 0:
            self._close(now, now + retry_after_s, "retry-after")
        elif sent_at > self._began:  # else the pause that its burst caused is enough
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._pauses)
            self._pauses = min(self._pauses + 1, 16)
            until = self._before_a_minute_is_over(now, now + pause_s * (1 + SPREAD * self._chance()))
            self._close(now, until, "too many requests, and no retry-after")

    def answered(self, sent_at: float) -> None:
        """Note an answer: after one to a call that began since the last pause, the next pause is short again."""
        if sent_at >= self.until:
            self._pauses = 0
            self._minute_was_tried = False
        if not self._answered or sent_at >= self._answered[-1] + _SLICE_S:
            self._answered.append(sent_at)
            self._forget(sent_at)

    def heed(self, now: float, rate_limit: dict[str, Any]) -> None:
        """Close the gate until some of a quota that is used up is back, as an answer's headers say.

        Most providers fill a quota evenly and say when all of it is back, so its first unit is back much earlier.
        """
        for what in ("requests", "tokens"):
            remaining, reset_s = rate_limit.get(f"{what}_remaining"), rate_limit.get(f"{what}_reset_s")
            if _is_number(remaining) and remaining <= 0 and _is_number(reset_s) and 0 < reset_s <= MOST_DELAY_S:
                quota = rate_limit.get(f"{what}_limit")
                part = 1 / quota if _is_number(quota) and quota > 1 else 1
                self._close(now, now + reset_s * part, f"no {what} remain")

    def _before_a_minute_is_over(self, now: float, until: float) -> float:
        """Return `until`, or the end of the minute that the quota may be one of; once in a row of pauses."""
        self._forget(now)
        if self._minute_was_tried or not self._answered:
            return until
        over = max(self._answered[0] + MINUTE_S, now + FIRST_PAUSE_S)
        if over >= until:
            return until
        self._minute_was_tried = True
        return over

    def _forget(self, now: float) -> None:
        while self._answered and self._answered[0] + MINUTE_S <= now:
            self._answered.popleft()

    def _close(self, now: float, until: float, why: str) -> None:
        if until > self.until:
            self.until, self.why, self._let_in = until, why, 0
        self._began = now


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
