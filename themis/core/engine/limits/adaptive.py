"""Concurrency that follows what a provider bears: slow start, additive increase, multiplicative decrease.

The scheme is that of TCP's congestion control (RFC 5681), with the recovery by time of CUBIC (RFC 9438): after a
decrease the limit returns to nearly what it was within seconds, however long a call takes.
"""

import math
from dataclasses import dataclass

from themis.core.values.adaptive import AdaptiveState

DECREASE = 0.7
"""Factor of the limit when the provider throttles, as in CUBIC."""

RECOVERED = 0.95
"""Part of the limit before the decrease that is reached again by time alone."""

RECOVERY_S = 5.0
"""Seconds in which it is reached, from the first answer after the decrease."""

ALL = "all that is allowed"
"""Word of `AdaptiveLimit.stage` for a limit that cannot rise."""

_EAGER = 3.0  # added by each answer while the provider has never throttled; once it has, 1
_SOON_S = 10.0  # a decrease so soon after the one before may belong to the same burst
_STEP = 0.02  # of the limit, at least 1: the additive increase per second
_FAR_BEYOND = 1.1  # times what was borne, and two calls: the provider bears more now, so the limit doubles again


@dataclass(frozen=True, slots=True)
class AdaptiveBounds:
    """Bounds of an adaptive limit, and where it begins: `least` <= `start` <= `most`."""

    least: int
    start: int
    most: int


class AdaptiveLimit:
    """A limit on the calls in flight to a provider, which its answers raise and lower.

    The times are those of one clock, in seconds.

    Attributes:
        state: what the answers have shown; it may be replaced by that which several processes share.
    """

    def __init__(self, bounds: AdaptiveBounds) -> None:
        """Begin at `bounds.start`."""
        self._bounds = bounds
        self.state = AdaptiveState(float(bounds.start))

    def rebound(self, bounds: AdaptiveBounds) -> None:
        """Change the bounds; the limit stays where it is, if they allow it."""
        state = self.state
        if bounds.most > self._bounds.most and state.limit >= self._bounds.most:
            state.borne = max(state.borne, float(bounds.most))  # what was not allowed is not known to be too much
        self._bounds = bounds
        state.limit = min(max(state.limit, bounds.least), bounds.most)

    def limit(self, now: float) -> int:
        """The calls that may be in flight."""
        state = self.state
        if state.recovers_from is not None:
            share = min(1.0, (now - state.recovers_from) / RECOVERY_S)
            goal = RECOVERED * min(state.borne, self._bounds.most)
            state.limit = max(state.limit, state.decreased_to + share * (goal - state.decreased_to))
            if share >= 1.0:
                state.recovers_from = None
        return max(self._bounds.least, min(math.floor(state.limit + 1e-9), self._bounds.most))

    def answered(self, now: float, sent_at: float, in_flight: int) -> None:
        """Note an answer to a call that began at `sent_at`; `in_flight` counts it too.

        A limit that is not used up stays as it is: an answer shows nothing about calls that were not made.
        """
        state = self.state
        limit = self.limit(now)
        if not state.answered_since and sent_at > state.decreased_at:
            state.answered_since = True
            state.recovers_from = now
        if in_flight < limit or limit >= self._bounds.most:
            return
        if state.borne == math.inf:
            state.limit += _EAGER if state.decreased_at == -math.inf else 1.0
        elif state.recovers_from is None:
            step_s = now - state.increased_at
            state.limit += min(1.0, step_s) * max(1.0, _STEP * state.limit)
            if state.limit > _FAR_BEYOND * state.borne + 2:
                state.borne = math.inf
        state.increased_at = now

    def throttled(self, now: float, sent_at: float) -> bool:
        """Lower the limit, at most once per round trip; whether it was lowered.

        A call that began before the last decrease shows nothing about the limit since then.
        """
        state = self.state
        if sent_at <= state.decreased_at:
            return False
        limit = self.limit(now)
        if state.answered_since:  # else it is the same burst, and how far to return is known from its beginning
            soon = now - state.decreased_at < _SOON_S
            state.borne = (state.borne + limit) / 2 if soon else float(limit)
        state.limit = max(float(self._bounds.least), limit * DECREASE)
        state.decreased_at, state.decreased_to = now, state.limit
        state.answered_since, state.recovers_from = False, None
        return True

    def stage(self, now: float) -> str:
        """Describe in a word or two how the limit moves now."""
        state = self.state
        limit = self.limit(now)
        if limit >= self._bounds.most:
            return ALL
        if state.borne == math.inf:
            return "slow start"
        return "recovering" if limit < math.floor(RECOVERED * state.borne) else "increasing"
