"""A generator that judges."""

import asyncio
from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudged, judged_experiment
from tests.support.lab import ScriptedGenerator, scores_of
from themis.core.contexts import GenerateContext
from themis.core.errors import NoVerdictError
from themis.core.judging.generator_as_judge import GeneratorAsJudge
from themis.core.models import Case, GenerationResult, Message
from themis.core.workflows import RenderedJudgePrompt

PROMPT = RenderedJudgePrompt(prompt_id="p", content="Is it right? [[yes]] or [[no]]")


class Model:
    """A generator with all that one can have."""

    component_id = "lab/model"
    version = "3"
    provider_key = "openai:https://example.org"
    model_id = "model-1"

    def __init__(self, output: Any = "[[yes]]") -> None:
        self.output = output
        self.seen: list[tuple[Case, GenerateContext]] = []

    def fingerprint(self) -> str:
        return "model-1 at 0"

    def most_tokens(self, case: Case, ctx: GenerateContext) -> tuple[int, int]:
        return len(str(case.input)), 7

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        self.seen.append((case, ctx))
        return GenerationResult(
            candidate_id="answer",
            final_output=self.output,
            token_usage={"prompt_tokens": 9, "completion_tokens": 2},
            latency_ms=12.5,
            artifacts={"provider_request_id": "req-1"},
            served_model="model-1-2026",
            finish_reason="refusal",
            conversation=[Message(role="assistant", content="[[yes]]")],
        )


def test_its_answer_is_the_response_with_what_the_call_cost() -> None:
    model = Model()
    judge = GeneratorAsJudge(model)
    response = asyncio.run(judge.judge(PROMPT, seed=5))
    ((case, ctx),) = model.seen
    assert (case.input, ctx.seed) == (PROMPT.content, 5)
    assert response.raw_response == "[[yes]]"
    assert response.token_usage == {"prompt_tokens": 9, "completion_tokens": 2}
    assert (response.latency_ms, response.provider_request_id, response.effective_seed) == (12.5, "req-1", 5)
    assert (response.judge_model_id, response.judge_model_version) == ("lab/model", "model-1-2026")
    assert response.conversation_trace is not None


def test_its_identity_follows_from_the_generators_and_its_provider_is_the_same() -> None:
    model = Model()
    judge = GeneratorAsJudge(model)
    assert (judge.component_id, judge.version) == ("lab/model", "3")
    assert judge.fingerprint() not in {model.fingerprint(), ""}
    assert (judge.provider_key, judge.model_id) == (model.provider_key, model.model_id)
    assert judge.most_tokens(PROMPT) == (len(str(PROMPT.content)), 7)
    assert not hasattr(judge, "credential")


def test_a_generator_without_a_bound_is_a_judge_without_one() -> None:
    assert not hasattr(GeneratorAsJudge(ScriptedGenerator()), "most_tokens")


def test_no_answer_is_no_verdict() -> None:
    with pytest.raises(NoVerdictError, match="no answer"):
        asyncio.run(GeneratorAsJudge(Model(output=None)).judge(PROMPT))


def test_a_generator_among_the_judges_judges() -> None:
    experiment = judged_experiment([Model(output="1")], [ScriptedJudged()])
    assert [scores_of(case) for case in experiment.run().cases] == [[1], [1], [1]]
    assert experiment.compile().component_refs.judge_models[0].component_id == "lab/model"
