"""Results of a run, as users read them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PlainSerializer, SkipValidation, ValidatorFunctionWrapHandler, WrapValidator

from themis.core.base import FrozenModel, JSONValue
from themis.core.errors.failure_summary import summary_of
from themis.core.models import Case, GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.python.lazy_names import lazy_names
from themis.core.read_models import BenchmarkScoreRow
from themis.core.statistics.score_tally import MetricSummary, means_of
from themis.core.text.lines import cut
from themis.core.values.run_ends import reason_of
from themis.core.workflows import EvaluationExecution


class RunStatus(StrEnum):
    """State of a run."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL_FAILURE = "partial_failure"
    CANCELLED = "cancelled"


class ProgressSnapshot(FrozenModel):
    """Progress of a run: `completed_cases` went through every stage, `failed_cases` failed in one."""

    total_cases: int = 0
    completed_cases: int = 0
    failed_cases: int = 0


class StageFailure(FrozenModel):
    """Reason why a stage gave no result.

    Attributes:
        stage: the stage's span name (`generation`, `parse`, `score`, …).
        category: `generation_failure`, `selection_failure`, `reduction_failure`, `parse_failure`, `score_failure`,
            `evaluation_failure`, or `evaluation_partial_failure` when some of a judge's calls succeeded; `worker_lost`
            when the case killed the process of its job, at whatever stage.
        message: the component's message; for a bug as Python reports it, `KeyError: 'choices' (generators.py:12 in
            Model.generate)`.
        error_type: the exception's class, or `ScoreError`.
        retryable: whether the cause may be transient.
        details: facts that a metric added; for an exception the place in the user's code that it is blamed on (`at`, in
            parts `file`, `line` and `function`), and its `traceback`.
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
        """The message, with the exception's class and location unless it contains them."""
        return summary_of(self.message, self.error_type, self.details.get("at"))


class ParsedView(FrozenModel):
    """The parse of an answer in a view: its result, or its failure."""

    parsed_output: ParsedOutput | None = None
    parse_error: StageFailure | None = None


class SampleResult(FrozenModel):
    """The evaluation of a single candidate.

    Attributes:
        candidate_index: its index.
        candidate_id: the id that its generator gave it.
        scores: as in `CaseResult`, of this candidate.
        evaluation_failures: by metric id.
        views: the parses in the run's views, by view.
    """

    candidate_index: int
    candidate_id: str
    parsed_output: ParsedOutput | None = None
    parse_error: StageFailure | None = None
    scores: list[Score | ScoreError] = Field(default_factory=list)
    evaluation_failures: dict[str, StageFailure] = Field(default_factory=dict)
    views: dict[str, ParsedView] = Field(default_factory=dict, exclude_if=lambda value: not value)


class CaseResult(FrozenModel):
    """Everything that is stored for one case.

    Generation failures are keyed by candidate index, evaluation failures by metric id. `scores` holds for each
    metric, in order, its score, or a `ScoreError` with the reason why there is none, also when the metric raised.
    `evaluation_executions` holds what judges were asked, also in vain; an execution's id ends with its metric's.
    `views` holds the parses in the run's views, by view, and `samples` the evaluation of each candidate, of a run that
    scores them each.
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
    evaluation_executions: list[EvaluationExecution] = Field(default_factory=list)
    evaluation_failures: dict[str, StageFailure] = Field(default_factory=dict)
    views: dict[str, ParsedView] = Field(default_factory=dict, exclude_if=lambda value: not value)
    samples: list[SampleResult] = Field(default_factory=list, exclude_if=lambda value: not value)

    @property
    def failures(self) -> list[StageFailure]:
        """All failures of the case, by stage; then those of its single candidates."""
        answers: list[CaseResult | SampleResult] = [self, *self.samples]
        of_answers = [
            failure
            for answer in answers
            for failure in (
                answer.parse_error,
                *(view.parse_error for view in answer.views.values()),
                *answer.evaluation_failures.values(),
            )
        ]
        found = [*self.generation_failures.values(), self.reduction_error, *of_answers]
        return [failure for failure in found if failure is not None]


def _lazily(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Keep a sequence that reads its cases on demand as it is; check any other value as a list."""
    return value if isinstance(value, Sequence) and not isinstance(value, list | tuple | str | bytes) else check(value)


if TYPE_CHECKING:
    Cases = Sequence[CaseResult]
else:
    Cases = Annotated[list[CaseResult], WrapValidator(_lazily), PlainSerializer(list, return_type=list[CaseResult])]
"""Cases of a run: a list, or a sequence that reads them from a store; both are dumped as a list."""


class RunResult(FrozenModel):
    """Result of a run, complete or partial; printed, and in a notebook, it is a table of its metrics.

    Attributes:
        cases: a `CaseResult` each, in the datasets' order, read from the store on demand; `model_dump` reads all.
        metrics: the run's summary of each metric, by metric id, read from the store on first use.
        scores: a row for each case and metric, then for each candidate where candidates are scored each, in the
            datasets' order; read from the store each time they are iterated over.
        given_cases: the cases as they were given, by case key; without those of datasets that are files or splits.
        spends: the tokens that the run has spent, by execution, see `themis.core.cost.spend`; read on first use.
        error: reason why a `failed` run failed as a whole, or was interrupted, or why a run was cancelled that nobody
            cancelled; None when only cases failed.
        name: of the run, for people.
    """

    run_id: str
    status: RunStatus
    completed_through_stage: str | None = None
    progress: ProgressSnapshot = Field(default_factory=ProgressSnapshot)
    cases: Cases = Field(default_factory=list, repr=False)
    metrics: SkipValidation[Mapping[str, MetricSummary]] = Field(default_factory=dict, repr=False, exclude=True)
    scores: SkipValidation[Sequence[BenchmarkScoreRow]] = Field(default_factory=list, repr=False, exclude=True)
    given_cases: SkipValidation[Mapping[str, Case]] = Field(default_factory=dict, repr=False, exclude=True)
    spends: SkipValidation[Mapping[int, str]] = Field(default_factory=dict, repr=False, exclude=True)
    error: str | None = None
    name: str | None = None

    @property
    def reason(self) -> str | None:
        """Reason in one word why the run was cancelled: `budget`; None when a person cancelled it, or nobody did."""
        return reason_of(self.status.value, self.error)

    @property
    def what_is_missing(self) -> str | None:
        """Note that the result is partial, for people; None when every case has ended."""
        counts = self.progress
        ended = counts.completed_cases + counts.failed_cases
        if ended >= counts.total_cases:
            return None
        why = f" ({cut(self.error)})" if self.error else ""
        return f"partial: {ended:,} of {counts.total_cases:,} cases have ended, and the run is {self.status.value}{why}"

    @property
    def metric_means(self) -> dict[str, float]:
        """The mean of each metric over the cases that have a score, by metric id; a metric without scores is absent."""
        return means_of(self.metrics)

    def to_pandas(self, rows: Literal["cases", "scores"] = "cases") -> Any:
        """Return a pandas DataFrame.

        Args:
            rows: `cases` for a row per case, with its input, its answer and a column of floats per metric, in which a
                case without a score is NaN, never 0; `scores` for the rows of `scores`.

        Raises:
            InvalidArgumentError: `rows` is something else.
            MissingExtraError: pandas is not installed.
        """
        from themis.core.data_frames.of_results import frame_of_result  # noqa: PLC0415  # when it is used

        return frame_of_result(self, rows)

    def __str__(self) -> str:
        """Return the status and a table of the metrics."""
        from themis.core.result_views.as_text import text_of  # noqa: PLC0415  # when it is shown
        from themis.core.result_views.outline import outline_of  # noqa: PLC0415

        return text_of(outline_of(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001  # as IPython calls it
        """Write the same where IPython shows text."""
        printer.text("…" if cycle else str(self))

    def _repr_html_(self) -> str:
        """Return the same as HTML, which a notebook shows; all text in it is escaped."""
        from themis.core.result_views.as_html import html_of  # noqa: PLC0415  # when it is shown
        from themis.core.result_views.outline import outline_of  # noqa: PLC0415

        return html_of(outline_of(self))


class CaseState(FrozenModel):
    """Finished parts of one case: successes and failures by candidate index or metric id."""

    case_id: str
    dataset_id: str
    generated_candidates: dict[str, GenerationResult] = Field(default_factory=dict)
    generation_failures: dict[str, StageFailure] = Field(default_factory=dict)
    reduced_candidate: ReducedCandidate | None = None
    parsed_output: ParsedOutput | None = None
    evaluation_executions: dict[str, EvaluationExecution] = Field(default_factory=dict)
    successful_scores: dict[str, Score] = Field(default_factory=dict)
    score_failures: dict[str, StageFailure] = Field(default_factory=dict)


class ExecutionState(FrozenModel):
    """Finished parts of a run, by case key."""

    run_id: str
    status: RunStatus = RunStatus.PENDING
    completed_through_stage: str | None = None
    case_states: dict[str, CaseState] = Field(default_factory=dict)


class RunEstimate(FrozenModel):
    """Estimate of the calls, tokens and cost of a run, made without running it.

    A token is counted as four characters, unless the package `tiktoken` is installed and has the model's tokenizer.

    Attributes:
        estimated_cost_usd: None when no price of the model is known.
        assumptions: the assumptions behind the numbers, as text.
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
    estimated_cost_usd: float | None = None
    assumptions: dict[str, Any] = Field(default_factory=dict)


# Bundles contain snapshots, which are made of what is here.
_find = lazy_names(
    __name__,
    dict.fromkeys(
        ("EvaluationBundle", "GenerationBundle", "ParseBundle", "ReductionBundle", "ScoreBundle"),
        "themis.core.bundles.models",
    ),
)


def __getattr__(name: str) -> Any:
    """Return the model of a bundle, on first use."""
    return _find(name)
