"""Values of judging: the calls of a workflow, their prompts, responses and judgments, and what they come to."""

from themis.core.workflows.executions import AggregationResult, EvaluationExecution, ExecutionStatus, WorkflowFailure
from themis.core.workflows.judge_calls import JudgeCall, JudgeResponse, ParsedJudgment, RenderedJudgePrompt
from themis.core.workflows.template_context import build_prompt_template_context

__all__ = [
    "AggregationResult",
    "EvaluationExecution",
    "ExecutionStatus",
    "JudgeCall",
    "JudgeResponse",
    "ParsedJudgment",
    "RenderedJudgePrompt",
    "WorkflowFailure",
    "build_prompt_template_context",
]
