"""Verdict on a run whose cases have all ended: whether it is complete, has failed, or something in between."""

from collections.abc import Callable
from typing import NamedTuple

from themis.core.results import RunStatus


class Verdict(NamedTuple):
    """The status of a run, and why it failed as a whole; None when only its cases say why."""

    status: RunStatus
    error: str | None = None


def verdict_of(ended: int, failed: int, has_answers: Callable[[], bool], max_failed_share: float | None) -> Verdict:
    """Return the verdict on a run.

    It has failed if all of its cases did and none has an answer, or if more than `max_failed_share` of them failed;
    with fewer failed cases it is a partial failure.

    Args:
        ended: number of its cases.
        failed: number of those that failed.
        has_answers: whether any case reached its metrics, even if they failed; called only when all failed.
        max_failed_share: from 0 to 1; None for no such limit.
    """
    if not failed:
        return Verdict(RunStatus.COMPLETED)
    if failed == ended and not has_answers():
        return Verdict(RunStatus.FAILED)
    if max_failed_share is None or failed / ended <= max_failed_share:
        return Verdict(RunStatus.PARTIAL_FAILURE)
    shares = f"{failed:,} of {ended:,} cases failed, more than runtime.max_failed_share, {max_failed_share:g}, allows"
    return Verdict(RunStatus.FAILED, f"{shares}; when it is started again, those that failed are tried again")
