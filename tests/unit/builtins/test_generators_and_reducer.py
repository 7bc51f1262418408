"""The generator that knows the answers, and the vote."""

import asyncio
from typing import Any

import pytest

from themis.core.builtins.demo_generator import DemoGenerator
from themis.core.builtins.majority_vote import MajorityVote
from themis.core.contexts import GenerateContext, ReduceContext
from themis.core.models import Case, GenerationResult, ReducedCandidate
from themis.core.prompts import PromptSpec


def generate(case: Case, **context: Any) -> GenerationResult:
    return asyncio.run(DemoGenerator().generate(case, GenerateContext(run_id="r", case_id=case.case_id, **context)))


def reduce(*outputs: Any) -> ReducedCandidate:
    candidates = [GenerationResult(candidate_id=f"g{n}", final_output=output) for n, output in enumerate(outputs)]
    return asyncio.run(MajorityVote().reduce(candidates, ReduceContext(run_id="r", case_id="a")))


@pytest.mark.parametrize("expected", ["yes", 0, False, "", [], {"answer": "x"}])
def test_the_demo_generator_answers_with_what_is_expected(expected: Any) -> None:
    result = generate(Case(case_id="a", input="q", expected_output=expected), seed=5)
    assert result.final_output == expected
    assert result.candidate_id == "a-candidate-5"
    assert result.token_usage == {"prompt_tokens": 1, "completion_tokens": 1}


def test_it_answers_with_the_input_when_nothing_is_expected_whatever_the_prompt_says() -> None:
    case = Case(case_id="a", input={"q": 1})
    assert generate(case, prompt_spec=PromptSpec(instructions="Be brief.")).final_output == {"q": 1}
    assert generate(case).candidate_id == "a-candidate-0"


def test_the_most_frequent_output_wins() -> None:
    result = reduce("x", {"a": 1, "b": 2}, "y", {"b": 2, "a": 1})
    assert result.candidate_id == "a-reduced"
    assert result.final_output == {"a": 1, "b": 2}
    assert result.source_candidate_ids == ["g0", "g1", "g2", "g3"]
    assert result.metadata == {"votes": 2, "candidate_count": 4}


def test_among_equals_the_first_seen_wins() -> None:
    assert reduce("b", "a", "a", "b", "c").final_output == "b"
    assert reduce("c", "b", "a").final_output == "c"


def test_values_of_different_types_are_different_outputs() -> None:
    assert reduce("1", 1, 1).final_output == 1
    assert reduce(True, 1, 1).final_output == 1
    assert reduce(None, None, "x").final_output is None


def test_one_candidate_wins_its_vote() -> None:
    assert reduce("only").metadata == {"votes": 1, "candidate_count": 1}
