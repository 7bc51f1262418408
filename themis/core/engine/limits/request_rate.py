"""Limit on requests per minute: the generic cell rate algorithm, ITU-T I.371."""

CATCH_UP_S = 0.25
"""Seconds within which a rate may catch up on missed calls, since timers are coarser than a high rate's interval."""

SHARE_OF_QUOTA = 0.975
"""Part of a provider's quota that is used.

Requests are counted by the provider when they arrive, not when they are sent. Calls that were late on their way share a
minute with calls that were not, so a quota that is used to the last request is exceeded at the provider.
"""


class RequestRate:
    """A limit on calls per minute, evenly spaced: never more than `per_minute` in any minute."""

    __slots__ = ("_interval_s", "_next", "per_minute")

    def __init__(self, per_minute: float) -> None:
        """Allow one call every `60 / per_minute` seconds, and a little less."""
        self.per_minute = per_minute
        self._interval_s = seconds_each(per_minute)
        self._next = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next call is due."""
        return max(0.0, self._next - now)

    def take(self, now: float) -> None:
        """Count a call; the next one is due an interval later."""
        floor = now - CATCH_UP_S if self._next else now
        self._next = max(self._next, floor) + self._interval_s

    def untake(self) -> None:
        """Forget a call that was counted and not made."""
        self._next -= self._interval_s

    def set_per_minute(self, per_minute: float) -> None:
        """Allow so many from the next call on."""
        self.per_minute = per_minute
        self._interval_s = seconds_each(per_minute)


def seconds_each(per_minute: float) -> float:
    """The seconds from one to the next, when `per_minute` is a provider's quota."""
    return 60.0 / (per_minute * SHARE_OF_QUOTA)
