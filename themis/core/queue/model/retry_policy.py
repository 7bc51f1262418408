"""Retry policy of jobs: how long a failed job waits before its next attempt."""

from themis.core.values.bounds import MOST_DELAY_S

FIRST_S = 2.0
MOST_S = 600.0

_DOUBLINGS = 20


def delay_s(failures: int, retry_after_s: float | None, jitter: float) -> float:
    """Seconds until the next try: doubling, capped, spread over its upper half; never sooner than was asked for.

    Args:
        failures: so far; the first delay follows the first.
        retry_after_s: what the other side asked for, of which no more than a day is believed; None for nothing.
        jitter: from 0 to 1.
    """
    asked_s = min(retry_after_s or 0.0, MOST_DELAY_S)
    return max(longest_s(failures) * (0.5 + 0.5 * jitter), asked_s)


def longest_s(failures: int) -> float:
    """The longest backoff after so many failures, in seconds."""
    doubled: float = FIRST_S * 2 ** min(max(failures - 1, 0), _DOUBLINGS)
    return min(doubled, MOST_S)
