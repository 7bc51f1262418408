"""Status of a run whose cases come from two stores: it follows from the cases, wherever all of them have ended."""

from collections.abc import Callable
from typing import NamedTuple

from themis.core.outcomes.stages import UNTIL_STAGES, Stage, until_name
from themis.core.outcomes.verdict import verdict_of
from themis.core.results import RunStatus
from themis.core.stores.reading import RunRow

_NEVER = -1


class MergedCases(NamedTuple):
    """Cases of a run after the merge.

    Attributes:
        ended, failed: number of those that have ended, and of those that failed.
        has_answers: whether any reached its metrics.
        through: the stage that all which did not fail were taken through; None when all failed.
        max_failed_share: as the run was configured, see `verdict_of`.
    """

    ended: int
    failed: int
    has_answers: bool
    through: Stage | None
    max_failed_share: float | None


class RunFields(NamedTuple):
    """Fields of a run's row that a merge may change."""

    status: str
    completed_through: str | None
    error: str | None
    started_ms: int | None
    ended_ms: int | None


def merged_status(target: RunRow, source: RunRow, cases: MergedCases) -> RunFields:
    """Return the fields of a run after its cases were merged.

    A run whose cases have all ended gets the verdict that a run gets when it ends. Any other is as its last process
    left it, in either store.
    """
    if not target.total_cases or cases.ended < target.total_cases:
        return _fields(max(target, source, key=_last_seen))
    found = verdict_of(cases.ended, cases.failed, lambda: cases.has_answers, cases.max_failed_share)
    return RunFields(
        found.status.value,
        None if found.status is RunStatus.FAILED else _through(target, source, cases),
        found.error,
        _extreme(min, target.started_ms, source.started_ms),
        _extreme(max, target.ended_ms, source.ended_ms),
    )


def _through(target: RunRow, source: RunRow, cases: MergedCases) -> str | None:
    """Return the last stage that the run is complete through: the furthest that was recorded, else by its cases."""
    recorded = [UNTIL_STAGES[run.completed_through] for run in (target, source) if run.completed_through]
    if recorded:
        return until_name(max(recorded))
    if cases.through is None:
        return None
    return until_name(Stage.GENERATE if cases.through is Stage.SELECT else cases.through)


def _last_seen(run: RunRow) -> int:
    """Return a key that is highest for the run which a process had last; of a run that never began it is lowest."""
    return max((time for time in (run.started_ms, run.ended_ms) if time is not None), default=_NEVER)


def _fields(run: RunRow) -> RunFields:
    return RunFields(run.status, run.completed_through, run.error, run.started_ms, run.ended_ms)


def _extreme(choose: Callable[[list[int]], int], *times: int | None) -> int | None:
    known = [time for time in times if time is not None]
    return choose(known) if known else None
