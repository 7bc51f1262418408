"""Whether a job that waits may be taken: its time has come, or it waits because a clock was wrong.

A wait is set by the clock of then. Where that was ahead, a backoff of two seconds would last until the right time has
caught up, for hours. So a backoff is believed only as far as the failures that it follows explain it. A later time that
somebody asked for may be any, and is kept.
"""

from themis.core.queue.model import retry_policy
from themis.core.queue.model.states import POLICIES
from themis.core.stores.job_rows import JobRow

CLOCKS_DIFFER_NS = 10_000_000_000
"""As far may the clocks of two hosts differ, or one be corrected, without anything being made of it."""

_NS = 1_000_000_000
_BACKED_OFF: frozenset[str] = frozenset(cause for cause, policy in POLICIES.items() if policy.backoff)


def is_ready(row: JobRow, now_ns: int) -> bool:
    """Whether a queued job may be taken now."""
    return row.ready_ns is None or row.ready_ns <= now_ns or is_misdated(row, now_ns)


def is_misdated(row: JobRow, now_ns: int) -> bool:
    """Whether a job waits after a failure until a time that was reckoned by a clock that was ahead."""
    if row.ready_ns is None or row.cause not in _BACKED_OFF:
        return False
    longest_ns = int((retry_policy.longest_s(row.failures) + 1.0) * _NS)
    return row.ready_ns - row.updated_ns <= longest_ns and row.updated_ns - now_ns > CLOCKS_DIFFER_NS
