"""The values of judging: frozen, without unknown fields, and the same after a way through JSON."""

import pytest
from pydantic import ValidationError

from themis.core.base import FrozenModel, JSONValue
from themis.core.contexts import EvalScoreContext
from themis.core.models import (
    Case,
    ConversationTrace,
    Message,
    ParsedOutput,
    ReducedCandidate,
    Score,
    TraceStep,
    WorkflowTrace,
)
from themis.core.subjects import CandidateSetSubject, ConversationSubject, Subject, TraceSubject
from themis.core.workflows import (
    AggregationResult,
    EvaluationExecution,
    JudgeCall,
    JudgeResponse,
    ParsedJudgment,
    RenderedJudgePrompt,
    WorkflowFailure,
    build_prompt_template_context,
)

CALL = JudgeCall(call_id="j-0", judge_model_id="lab/judge", candidate_indices=[1, 0], metadata={"point": "clear"})
RESPONSE = JudgeResponse(judge_model_id="lab/judge", raw_response="[[8]]", token_usage={"prompt_tokens": 3})
EXECUTION = EvaluationExecution(
    execution_id="e",
    subject_kind="candidate_set",
    status="partial_failure",
    judge_calls=[CALL],
    rendered_prompts=[RenderedJudgePrompt(prompt_id="p", content="Is it clear?")],
    judge_responses=[RESPONSE],
    parsed_judgments=[ParsedJudgment(label="PASS", score=1.0)],
    scores=[Score(metric_id="m", value=1.0)],
    failures=[WorkflowFailure(call_id="j-1", step_id="j-1", step_type="judge", error_message="it was away")],
    aggregation_output=AggregationResult(method="mean", value=0.5),
)


def test_an_execution_is_the_same_after_a_way_through_json() -> None:
    assert EvaluationExecution.model_validate_json(EXECUTION.model_dump_json()) == EXECUTION


@pytest.mark.parametrize("value", [CALL, RESPONSE, EXECUTION, ParsedJudgment(), AggregationResult(method="mean")])
def test_a_value_of_judging_is_frozen_and_knows_its_fields(value: FrozenModel) -> None:
    name = next(iter(type(value).model_fields))
    with pytest.raises(ValidationError):
        setattr(value, name, "other")
    with pytest.raises(ValidationError, match="surprise"):
        type(value).model_validate({**value.model_dump(), "surprise": 1})


def test_an_execution_ends_in_one_of_three_ways() -> None:
    with pytest.raises(ValidationError, match="status"):
        EvaluationExecution.model_validate({"execution_id": "e", "subject_kind": "trace", "status": "fine"})


def test_a_subject_has_at_least_one_candidate() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        CandidateSetSubject(candidates=[])


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        (
            CandidateSetSubject(candidates=[ReducedCandidate(candidate_id="c", final_output="4")]),
            {"subject_kind": "candidate_set", "candidates": ["4"], "output": "4"},
        ),
        (
            TraceSubject(trace=WorkflowTrace(trace_id="t", steps=[TraceStep(step_name="add", step_type="tool")])),
            {"subject_kind": "trace"},
        ),
        (
            ConversationSubject(
                conversation=ConversationTrace(trace_id="t", messages=[Message(role="user", content="2+2")])
            ),
            {"subject_kind": "conversation", "messages": [{"role": "user", "content": "2+2"}]},
        ),
    ],
)
def test_a_template_knows_the_case_and_its_subject(subject: Subject, names: dict[str, JSONValue]) -> None:
    ctx = EvalScoreContext(
        run_id="r",
        case=Case(case_id="1", input="2+2", expected_output="4"),
        parsed_output=ParsedOutput(value="4"),
        eval_workflow_config={"rubric": "Be right."},
    )
    found = build_prompt_template_context(subject, ctx)
    assert {**found, **names} == found
    assert (found["input"], found["expected_output"], found["parsed_output"], found["rubric"]) == (
        "2+2",
        "4",
        "4",
        "Be right.",
    )
    assert ("steps" in found) is isinstance(subject, TraceSubject)
    assert ("output" in found) is isinstance(subject, CandidateSetSubject)
