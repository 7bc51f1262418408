"""Failed cases are told by their reasons, each with its number and the first of its cases."""

import json
from typing import Any

import pytest

from themis.core.errors.failure_summary import summary_of
from themis.core.outcomes.failure_groups import MOST_NAMED, FailedOutcome, failure_groups, shown_reasons


def failed(case_no: int, message: str = "no", **more: Any) -> FailedOutcome:
    body = {"category": "generation_failure", "message": message, "error_type": "LookupError", **more}
    return FailedOutcome(case_no, f"q{case_no}", json.dumps(body))


def test_the_most_frequent_reason_comes_first_with_its_cases() -> None:
    groups = failure_groups([failed(0, "rare"), *(failed(no) for no in range(1, 8))])
    assert [(group.reason, group.count) for group in groups] == [("LookupError: no", 7), ("LookupError: rare", 1)]
    assert groups[0].text == "7 cases, generation_failure: LookupError: no: q1, q2, q3, q4, q5, …"
    assert groups[1].text == "1 case, generation_failure: LookupError: rare: q0"
    assert groups[1].document() == {
        "category": "generation_failure", "reason": "LookupError: rare", "count": 1, "cases": ["q0"]
    }  # fmt: skip


def test_a_case_counts_once_by_its_first_failure() -> None:
    (group,) = failure_groups([failed(0), failed(0, "again"), failed(1)])
    assert (group.count, group.cases) == (2, ("q0", "q1"))


def test_only_so_many_cases_are_named_and_so_many_reasons_shown() -> None:
    (group,) = failure_groups(failed(no) for no in range(MOST_NAMED + 5))
    assert (group.count, len(group.cases)) == (MOST_NAMED + 5, MOST_NAMED)
    several = failure_groups(failed(no, f"reason {no}") for no in range(9))
    assert len(shown_reasons(several, 9)) == 5
    assert shown_reasons(several, 4_000)[-1] == ("failures", "these are of the first 9 of 4,000 failed cases")


def test_a_reason_of_many_lines_is_one_line_and_one_that_is_lost_says_so() -> None:
    (group,) = failure_groups([failed(0, "a\nb\x1b[2J")])
    assert group.text.startswith("1 case, generation_failure: LookupError: a b")
    assert "\x1b" not in group.text
    (lost,) = failure_groups([FailedOutcome(0, "q", "@4017")])
    assert lost.text == "1 case, unknown: the store has lost what was said of it: q"


@pytest.mark.parametrize(
    ("message", "kind", "at", "said"),
    [
        ("no key", "RuntimeError", "a.py:3 in f", "RuntimeError: no key (a.py:3 in f)"),
        ("KeyError: 'x' (a.py:3 in f)", "KeyError", "a.py:3 in f", "KeyError: 'x' (a.py:3 in f)"),
        ("Score: value must be finite", "ValidationError", "a.py:3", "Score: value must be finite (a.py:3)"),
        ("nothing to score", "ScoreError", "a.py:3", "nothing to score"),
        ("m/x returned dict instead of a Score", "BadResultError", None, "m/x returned dict instead of a Score"),
        ("late", "TimeoutError", None, "TimeoutError: late"),
    ],
)
def test_a_summary_has_class_and_place_once(message: str, kind: str, at: str | None, said: str) -> None:
    assert summary_of(message, kind, at) == said
