"""What a run came to, as a user reads it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PlainSerializer, SkipValidation, ValidatorFunctionWrapHandler, WrapValidator

from themis.core import errors
from themis.core.base import FrozenModel, JSONValue
from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.statistics.score_tally import MetricSummary
from themis.core.text.lines import cut


class RunStatus(StrEnum):
    """State of a run."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL_FAILURE = "partial_failure"
    CANCELLED = "cancelled"


class ProgressSnapshot(FrozenModel):
    """How far a run is; `completed_cases` went through every stage, `failed_cases` failed in one."""

    total_cases: int = 0
    completed_cases: int = 0
    failed_cases: int = 0


class StageFailure(FrozenModel):
    """Why a stage gave no result.

    Attributes:
        stage: the stage's span name (`generation`, `parse`, `score`, …).
        category: `generation_failure`, `selection_failure`, `reduction_failure`, `parse_failure`, `score_failure`.
        message: what the component said; of a bug as Python tells it, `KeyError: 'choices' (generators.py:12)`.
        error_type: the exception's class, or `ScoreError`.
        retryable: whether the cause may pass.
        details: what a metric added; of an exception, where it was raised (`at`) and the `traceback` of its code.
        attempts: the failed tries before the last one.
    """

    stage: str
    category: str
    message: str
    error_type: str
    retryable: bool = False
    details: dict[str, JSONValue] = Field(default_factory=dict)
    attempts: list[dict[str, JSONValue]] = Field(default_factory=list)

    @property
    def summary(self) -> str:
        """The message, with the exception's class and its place if it has neither."""
        if self.error_type == "ScoreError" or self.error_type in vars(errors):  # whose messages say all there is
            return self.message
        named = self.message if self.message.startswith(self.error_type) else f"{self.error_type}: {self.message}"
        at = self.details.get("at")
        return named if at is None or f"({at})" in named else f"{named} ({at})"


class CaseResult(FrozenModel):
    """Everything that is stored of one case.

    Generation failures are keyed by candidate index, evaluation failures by metric id. `scores` says of each metric
    what it gave, in order: its score, or in a `ScoreError` why it gave none, also where it raised.
    """

    case_id: str
    dataset_id: str
    case_key: str
    generated_candidates: list[GenerationResult] = Field(default_factory=list)
    generation_failures: dict[str, StageFailure] = Field(default_factory=dict)
    reduced_candidate: ReducedCandidate | None = None
    reduction_error: StageFailure | None = None
    parsed_output: ParsedOutput | None = None
    parse_error: StageFailure | None = None
    scores: list[Score | ScoreError] = Field(default_factory=list)
    evaluation_executions: list[JSONValue] = Field(default_factory=list)
    evaluation_failures: dict[str, StageFailure] = Field(default_factory=dict)


def _lazily(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """A sequence that reads its cases when they are asked for, as it is; any other value as a checked list."""
    return value if isinstance(value, Sequence) and not isinstance(value, list | tuple | str | bytes) else check(value)


if TYPE_CHECKING:
    Cases = Sequence[CaseResult]
else:
    Cases = Annotated[list[CaseResult], WrapValidator(_lazily), PlainSerializer(list, return_type=list[CaseResult])]
"""Cases of a run: a list, or a sequence that reads them from a store; it is dumped as a list either way."""


class RunResult(FrozenModel):
    """A run's end, or how far it came.

    Attributes:
        cases: a `CaseResult` each, in the datasets' order, read from the store when asked for; `model_dump` reads all.
        metrics: by metric id what the run comes to, read from the store when first asked for.
        error: why a `failed` run failed as a whole, or was interrupted; None when only cases failed.
    """

    run_id: str
    status: RunStatus
    completed_through_stage: str | None = None
    progress: ProgressSnapshot = Field(default_factory=ProgressSnapshot)
    cases: Cases = Field(default_factory=list, repr=False)
    metrics: SkipValidation[Mapping[str, MetricSummary]] = Field(default_factory=dict, repr=False, exclude=True)
    error: str | None = None

    @property
    def what_is_missing(self) -> str | None:
        """In words, that the result is partial; None when every case has ended."""
        counts = self.progress
        ended = counts.completed_cases + counts.failed_cases
        if ended >= counts.total_cases:
            return None
        why = f" ({cut(self.error)})" if self.error else ""
        return f"partial: {ended:,} of {counts.total_cases:,} cases have ended, and the run is {self.status.value}{why}"


class CaseState(FrozenModel):
    """What is finished of one case: successes and failures by candidate index or metric id."""

    case_id: str
    dataset_id: str
    generated_candidates: dict[str, GenerationResult] = Field(default_factory=dict)
    generation_failures: dict[str, StageFailure] = Field(default_factory=dict)
    reduced_candidate: ReducedCandidate | None = None
    parsed_output: ParsedOutput | None = None
    evaluation_executions: dict[str, JSONValue] = Field(default_factory=dict)
    successful_scores: dict[str, Score] = Field(default_factory=dict)
    score_failures: dict[str, StageFailure] = Field(default_factory=dict)


class ExecutionState(FrozenModel):
    """What is finished of a run, by case key."""

    run_id: str
    status: RunStatus = RunStatus.PENDING
    completed_through_stage: str | None = None
    case_states: dict[str, CaseState] = Field(default_factory=dict)


class RunEstimate(FrozenModel):
    """What a run will take, without running it. Tokens are counted as a quarter of the characters.

    Attributes:
        assumptions: what the numbers rest on, in words.
    """

    run_id: str
    total_cases: int = 0
    candidate_count: int = 0
    metric_count: int = 0
    pure_metric_count: int = 0
    workflow_metric_count: int = 0
    planned_generation_tasks: int = 0
    planned_reduction_tasks: int = 0
    planned_parse_tasks: int = 0
    planned_score_tasks: int = 0
    estimated_generation_input_tokens: int = 0
    estimated_generation_output_tokens: int = 0
    estimated_judge_prompt_tokens: int = 0
    estimated_judge_output_tokens: int = 0
    estimated_total_tokens: int = 0
    assumptions: dict[str, Any] = Field(default_factory=dict)
