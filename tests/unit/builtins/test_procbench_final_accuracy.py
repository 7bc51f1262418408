"""Metric for the last result of a procedure."""

from typing import Any

import pytest

from themis.core.builtins.metrics.procbench_final_accuracy import ProcbenchFinalAccuracy
from themis.core.contexts import ScoreContext
from themis.core.models import Case, ParsedOutput, Score, ScoreError


def scored(answer: Any, expected: Any) -> Score | ScoreError:
    case, parsed = Case(case_id="a", input="?", expected_output=expected), ParsedOutput(value=answer)
    return ProcbenchFinalAccuracy().score(parsed, case, ScoreContext(run_id="r", case=case, parsed_output=parsed))


@pytest.mark.parametrize(
    ("answer", "expected", "value"),
    [
        ("First 6.\nAnswer: 7", 7, 1),
        ("Answer: 6", 7, 0),
        ("**Answer:** `catcat`", "catcat", 1),
        ('Answer: "catcat"', {"answer": "catcat"}, 1),
        ("Answer: 5\nno, wait\nAnswer: 7.0", 7, 1),
        ('Answer: ["ab", "cd"]', ["ab", "cd"], 1),
        ('Answer: ["cd", "ab"]', ["ab", "cd"], 0),
        ("Answer: [1, 2, 3]", ["1", "2", "3"], 1),
        ('{"steps": [], "final": [1, 2]}', {"answer": [1, 2]}, 1),
        ({"final": "x"}, "x", 1),
        ("catcat", "catcat", 1),
        ("", "catcat", 0),
        ("Answer:", "catcat", 0),
        ("[" * 50_000, "catcat", 0),
    ],
)
def test_the_last_result_counts_however_it_is_written(answer: Any, expected: Any, value: float) -> None:
    score = scored(answer, expected)
    assert isinstance(score, Score)
    assert score.value == value


def test_without_an_expected_result_there_is_no_score() -> None:
    assert isinstance(scored("Answer: 7", None), ScoreError)
    assert isinstance(scored("Answer: 7", {"final": 7}), ScoreError)
