"""Verdict on a run whose cases have all ended: whether it is complete, has failed, or something in between."""

from typing import NamedTuple

from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.stores.protocol import RunStore

_PAGE = 256


class Verdict(NamedTuple):
    """The status of a run, and why it failed as a whole; None when only its cases say why."""

    status: RunStatus
    error: str | None = None


def verdict(store: RunStore, run_id: str, max_failed_share: float | None) -> Verdict:
    """Return the verdict on a run.

    It has failed if all of its cases did and none has an answer, or if more than `max_failed_share` of them failed;
    with fewer failed cases it is a partial failure.
    """
    ended, failed = store.count_ends(run_id)
    if not failed:
        return Verdict(RunStatus.COMPLETED)
    if failed == ended and not _has_answers(store, run_id):
        return Verdict(RunStatus.FAILED)
    if max_failed_share is None or failed / ended <= max_failed_share:
        return Verdict(RunStatus.PARTIAL_FAILURE)
    shares = f"{failed:,} of {ended:,} cases failed, more than runtime.max_failed_share, {max_failed_share:g}, allows"
    return Verdict(RunStatus.FAILED, f"{shares}; when it is started again, those that failed are tried again")


def _has_answers(store: RunStore, run_id: str) -> bool:
    """Whether any case reached its metrics, even if they failed."""
    first = 0
    while ends := store.ends_from(run_id, first, _PAGE):
        if any(end.through >= Stage.SCORE for end in ends):
            return True
        first = ends[-1].case_no + 1
    return False
