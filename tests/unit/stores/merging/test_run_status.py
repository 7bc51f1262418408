"""The status of a run by its cases, and by what two stores say of it."""

import pytest

from themis.core.outcomes.stages import Stage
from themis.core.stores.merging.run_status import MergedCases, merged_status
from themis.core.stores.reading import RunRow

NEW = RunRow("r", "pending", None, 4, None, 1, None, None, None, None, 1, "s")
KILLED = NEW._replace(status="running", started_ms=5)
FAILED = NEW._replace(status="failed", error="no key", started_ms=3, ended_ms=7)
ALL = MergedCases(4, 0, True, Stage.SCORE, None)


def test_a_whole_run_spans_the_times_of_both() -> None:
    assert merged_status(KILLED, FAILED, ALL) == ("completed", "score", None, 3, 7)
    assert merged_status(NEW, KILLED, ALL) == ("completed", "score", None, 5, None)


def test_the_last_stage_that_was_recorded_counts_more_than_the_cases() -> None:
    judged = FAILED._replace(status="completed", completed_through="judge")
    generated = FAILED._replace(status="completed", completed_through="generate")
    assert merged_status(judged, NEW, ALL).completed_through == "judge"
    assert merged_status(generated, judged, ALL).completed_through == "judge"


@pytest.mark.parametrize(
    ("through", "name"), [(Stage.SELECT, "generate"), (Stage.REDUCE, "reduce"), (Stage.JUDGE, "judge"), (None, None)]
)
def test_else_it_is_the_last_that_all_cases_have(through: Stage | None, name: str | None) -> None:
    assert merged_status(KILLED, NEW, ALL._replace(through=through)).completed_through == name


def test_failed_cases_decide_as_at_the_end_of_a_run() -> None:
    some = ALL._replace(failed=2)
    assert merged_status(KILLED, NEW, some)[:3] == ("partial_failure", "score", None)
    limited = merged_status(KILLED, NEW, some._replace(max_failed_share=0.25))
    assert (limited.status, limited.completed_through) == ("failed", None)
    assert "2 of 4 cases failed, more than runtime.max_failed_share, 0.25, allows" in str(limited.error)
    none = merged_status(KILLED, NEW, MergedCases(4, 4, has_answers=False, through=None, max_failed_share=None))
    assert none[:3] == ("failed", None, None)


@pytest.mark.parametrize("pair", [(KILLED, FAILED), (FAILED, KILLED), (NEW, FAILED), (FAILED, NEW)])
def test_a_run_that_lacks_cases_is_as_its_last_process_left_it(pair: tuple[RunRow, RunRow]) -> None:
    assert merged_status(*pair, ALL._replace(ended=3)) == ("failed", None, "no key", 3, 7)


def test_a_run_without_cases_is_not_complete_by_having_none() -> None:
    nothing = NEW._replace(total_cases=0)
    assert merged_status(nothing, nothing, MergedCases(0, 0, False, None, None)).status == "pending"
