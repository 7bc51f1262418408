"""The selector that asks a judge."""

import asyncio
import re
from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, judged_experiment
from tests.support.lab import ScriptedGenerator
from themis.core.builtins.judged.llm_rubric import LLMRubric
from themis.core.builtins.judges.demo_judge import DemoJudge
from themis.core.builtins.selectors.best_of_n import BestOfN
from themis.core.contexts import SelectContext
from themis.core.errors import InvalidArgumentError, NoJudgeError, NoVerdictError, UnknownJudgeError
from themis.core.models import GenerationResult
from themis.core.workflows import RenderedJudgePrompt

CANDIDATES = [GenerationResult(candidate_id=f"c{no}", final_output=f"answer {no}") for no in range(4)]


def context(*judges: Any, case_id: str = "1") -> SelectContext:
    return SelectContext(run_id="r", case_id=case_id, judge_models=list(judges), metadata={"input": "2+2?"})


def picks(answer: str) -> ScriptedJudge:
    """A judge that picks one answer, wherever it stands."""

    def says(prompt: str) -> str:
        found = re.search(rf"<answer-(\d+)-\w+>\n{answer}\n", prompt)
        assert found
        return f"That of [[1]] is good too. [[{found[1]}]]"

    return ScriptedJudge(says)


def select(selector: BestOfN, ctx: SelectContext, candidates: list[GenerationResult] = CANDIDATES) -> list[str]:
    return [kept.candidate_id for kept in asyncio.run(selector.select(candidates, ctx))]


def test_the_candidate_that_the_judge_picks_is_kept_wherever_it_is_shown() -> None:
    for case_id in "abcdef":
        assert select(BestOfN(), context(picks("answer 2"), case_id=case_id)) == ["c2"]


def test_the_judge_sees_the_question_and_the_rubric() -> None:
    judge = picks("answer 0")
    select(BestOfN(rubric="The shortest is best."), context(judge))
    ((prompt, _),) = judge.calls
    assert "2+2?" in prompt
    assert "The shortest is best." in prompt


def test_no_place_is_favoured_over_many_cases() -> None:
    first_places = [select(BestOfN(), context(DemoJudge(), case_id=str(no)))[0] for no in range(200)]
    assert all(30 <= first_places.count(f"c{no}") <= 70 for no in range(4))


def test_one_candidate_needs_no_judge() -> None:
    assert select(BestOfN(), context(), CANDIDATES[:1]) == ["c0"]


def test_without_a_judge_there_is_no_pick() -> None:
    with pytest.raises(NoJudgeError, match=r"builtin/best_of_n asks a judge: name one in evaluation\.judge_models"):
        select(BestOfN(), context())


def test_the_judge_is_named_among_several() -> None:
    first, second = picks("answer 0"), picks("answer 1")
    second.component_id = "lab/second"
    assert select(BestOfN(judge="lab/second"), context(first, second)) == ["c1"]
    with pytest.raises(UnknownJudgeError, match='did you mean "lab/second"'):
        select(BestOfN(judge="lab/secnd"), context(first, second))


def test_a_response_that_names_no_candidate_is_asked_once_more() -> None:
    judge = ScriptedJudge(lambda prompt: "[[3]]" if "could not be used" in prompt else "[[9]]")
    assert len(select(BestOfN(), context(judge))) == 1
    assert "'9' is not on the scale" in judge.calls[1][0]
    stubborn = ScriptedJudge(lambda _: "All are good.")
    with pytest.raises(NoVerdictError):
        select(BestOfN(), context(stubborn))
    assert len(stubborn.calls) == 2


def test_more_candidates_than_can_be_compared_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="at most 100 at once"):
        select(BestOfN(), context(DemoJudge()), CANDIDATES[:1] * 101)
    with pytest.raises(InvalidArgumentError, match="rubric: must be a text"):
        BestOfN(rubric=" ")


def test_a_run_keeps_the_candidate_that_its_judge_picks() -> None:
    generator = ScriptedGenerator(lambda _, ctx: f"answer {ctx.seed}")
    judge = picks("answer 2")
    options: dict[str, Any] = {"generator": generator, "samples": 3, "seeds": [0, 1, 2], "selector": BestOfN()}
    cases = judged_experiment([judge], [LLMRubric()], **options).run(until_stage="reduce").cases
    kept = [case.reduced_candidate.final_output for case in cases if case.reduced_candidate]
    assert kept == ["answer 2"] * 3
    assert all("<question-" in prompt for prompt, _ in judge.calls)


def test_the_demo_judge_says_pass_or_what_another_prompt_offers_first() -> None:
    def says(content: str) -> Any:
        return asyncio.run(DemoJudge().judge(RenderedJudgePrompt(prompt_id="p", content=content))).raw_response

    assert says("Is it right?") == "PASS"
    assert says("Say [[good]] or [[bad]].") == "[[good]]"
