"""Readiness of a waiting job: its time has come, or it waits only because a clock was wrong.

The time to wait for was computed by the clock of that moment. If that clock was ahead, a backoff of two seconds would
last until the correct time catches up, for hours. So a backoff is accepted only up to the length that its failures
explain. A later time that a person asked for may be any, and is kept.
"""

from themis.core.queue.model import retry_policy
from themis.core.queue.model.states import POLICIES
from themis.core.stores.job_rows import JobRow

CLOCKS_DIFFER_NS = 10_000_000_000
"""Tolerated difference between the clocks of two hosts, or before and after a clock is corrected."""

_NS = 1_000_000_000
_BACKED_OFF: frozenset[str] = frozenset(cause for cause, policy in POLICIES.items() if policy.backoff)


def is_ready(row: JobRow, now_ns: int) -> bool:
    """Whether a queued job may be claimed now."""
    return row.ready_ns is None or row.ready_ns <= now_ns or is_misdated(row, now_ns)


def is_misdated(row: JobRow, now_ns: int) -> bool:
    """Whether a job waits after a failure until a time that came from a clock that was ahead."""
    if row.ready_ns is None or row.cause not in _BACKED_OFF:
        return False
    longest_ns = int((retry_policy.longest_s(row.failures) + 1.0) * _NS)
    return row.ready_ns - row.updated_ns <= longest_ns and row.updated_ns - now_ns > CLOCKS_DIFFER_NS
