"""On real answers to real multiple-choice questions we find the letters that their publisher found."""

import json
from pathlib import Path
from typing import Any

import pytest

from themis.core.builtins.metrics.choice_accuracy import ChoiceAccuracy
from themis.core.builtins.parsers.choice_letter import ChoiceLetter
from themis.core.contexts import ParseContext, ScoreContext
from themis.core.models import Case, ParsedOutput, ReducedCandidate, Score

DATA = Path(__file__).parents[3] / "shared" / "data" / "mmlu_pro_gemma7b.jsonl"
QUESTIONS, CORRECT, WITHOUT_ANSWER = 1_500, 481, 199

pytestmark = pytest.mark.skipif(not DATA.is_file(), reason=f"the real answers are not here: {DATA}")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    with DATA.open(encoding="utf-8") as lines:
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert len(found) == QUESTIONS
    assert sum(row["pred"] == row["answer"] for row in found) == CORRECT
    assert sum(row["pred"] is None for row in found) == WITHOUT_ANSWER
    return found


def parsed(row: dict[str, Any], which: Any) -> ParsedOutput:
    candidate = ReducedCandidate(candidate_id="c", source_candidate_ids=["c"], final_output=row["generated_text"])
    return ChoiceLetter(which).parse(candidate, ParseContext(run_id="r", case_id="a"))


def is_correct(row: dict[str, Any], found: ParsedOutput) -> bool:
    case = Case(case_id=str(row["question_id"]), input=row["question"], expected_output=row["answer"])
    score = ChoiceAccuracy().score(found, case, ScoreContext(run_id="r", case=case, parsed_output=found))
    assert isinstance(score, Score)
    return score.value >= 1


@pytest.mark.few(1)
@pytest.mark.parametrize("which", ["last", "first"])
def test_the_letters_are_those_of_the_publisher(rows: list[dict[str, Any]], which: str) -> None:
    found = [parsed(row, which) for row in rows]
    answered = [(row, one) for row, one in zip(rows, found, strict=True) if one.value is not None]
    assert abs(sum(is_correct(row, one) for row, one in answered) - CORRECT) <= 5
    assert abs(QUESTIONS - len(answered) - WITHOUT_ANSWER) <= 5
    # The rest are answers in words that the publisher does not look for, and questions answered in several parts.
    assert sum(one.value == row["pred"] for row, one in zip(rows, found, strict=True)) >= 1_490
