"""Retry policy: the backoff of a failed job."""

from themis.core.values.bounds import MOST_DELAY_S

FIRST_S = 2.0
MOST_S = 600.0

_DOUBLINGS = 20


def delay_s(failures: int, retry_after_s: float | None, jitter: float) -> float:
    """Return the seconds to wait before the next attempt: doubling, capped, spread over the upper half.

    Args:
        failures: number of failures up to now; the first delay follows the first failure.
        retry_after_s: shortest delay, as the remote side asked, limited to one day; None when it did not.
        jitter: from 0 to 1.
    """
    asked_s = min(retry_after_s or 0.0, MOST_DELAY_S)
    return max(longest_s(failures) * (0.5 + 0.5 * jitter), asked_s)


def longest_s(failures: int) -> float:
    """Return the longest backoff after that number of failures, in seconds."""
    doubled: float = FIRST_S * 2 ** min(max(failures - 1, 0), _DOUBLINGS)
    return min(doubled, MOST_S)
