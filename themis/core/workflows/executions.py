"""Values of a workflow as a whole: how it ended, what failed, and what the judgments come to."""

from typing import Literal

from pydantic import Field

from themis.core.base import FrozenModel, JSONValue
from themis.core.models import Score, WorkflowTrace
from themis.core.workflows.judge_calls import JudgeCall, JudgeResponse, ParsedJudgment, RenderedJudgePrompt

ExecutionStatus = Literal["completed", "partial_failure", "failed"]
"""How a workflow ended: all of it succeeded, some calls failed, or there is no judgment at all."""


class AggregationResult(FrozenModel):
    """The result that the judgments of a workflow come to.

    Attributes:
        method: name of the rule, such as `mean` or `majority_vote`.
        value: the metric's score when it is a finite number (true and false are 1 and 0). Anything else leaves the
            metric unscored; the `reason` among the details then says why.
        details: figures beside the value, which are kept with the score.
    """

    method: str
    value: JSONValue = None
    details: dict[str, JSONValue] = Field(default_factory=dict)


class WorkflowFailure(FrozenModel):
    """A step of a workflow that failed.

    Attributes:
        call_id: the call that the step belongs to; None for a step of the whole workflow.
        step_id: names the step within the workflow.
        step_type: `render_prompt`, `judge`, `parse_judgment`, `score_judgment`, `aggregate`, …
        error_message: one line.
        retry_history: the failed tries before the last one, oldest first.
    """

    call_id: str | None = None
    step_id: str
    step_type: str
    error_message: str
    retry_history: list[dict[str, JSONValue]] = Field(default_factory=list)


class EvaluationExecution(FrozenModel):
    """A workflow as it was carried out for one case.

    Attributes:
        execution_id: unique within the run.
        subject_kind: `candidate_set`, `trace` or `conversation`.
        judge_calls, rendered_prompts, judge_responses, parsed_judgments, scores: what each step gave, in the order of
            the calls; a call that failed is missing from the later lists.
        failures: the steps that failed.
        aggregation_output: what the judgments come to; None when there are too few of them.
        trace: the steps with their times.
    """

    execution_id: str
    subject_kind: str
    status: ExecutionStatus
    judge_calls: list[JudgeCall] = Field(default_factory=list)
    rendered_prompts: list[RenderedJudgePrompt] = Field(default_factory=list)
    judge_responses: list[JudgeResponse] = Field(default_factory=list)
    parsed_judgments: list[ParsedJudgment] = Field(default_factory=list)
    scores: list[Score] = Field(default_factory=list)
    failures: list[WorkflowFailure] = Field(default_factory=list)
    aggregation_output: AggregationResult | None = None
    trace: WorkflowTrace | None = None
