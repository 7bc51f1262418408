"""Verdict on a stored run whose cases have all ended."""

from themis.core.outcomes.stages import Stage
from themis.core.outcomes.verdict import Verdict, verdict_of
from themis.core.stores.protocol import RunStore

_PAGE = 256


def verdict(store: RunStore, run_id: str, max_failed_share: float | None) -> Verdict:
    """Return the verdict on a run, see `verdict_of`."""
    ended, failed = store.count_ends(run_id)
    return verdict_of(ended, failed, lambda: _has_answers(store, run_id), max_failed_share)


def _has_answers(store: RunStore, run_id: str) -> bool:
    """Whether any case reached its metrics, even if they failed."""
    first = 0
    while ends := store.ends_from(run_id, first, _PAGE):
        if any(end.through >= Stage.SCORE for end in ends):
            return True
        first = ends[-1].case_no + 1
    return False
