"""Values for those who watch a run as a whole: its cases, the calls of its models, and its scores.

These are plain values like the contexts, and for the same reason: only Themis creates them, several for every case.
"""

from dataclasses import dataclass, field
from typing import Any

from themis.core.models import Case, GenerationResult, Score


@dataclass(slots=True, kw_only=True)
class ObservedCase:
    """A case of a run.

    Attributes:
        case_key: tells apart equal case ids of two datasets.
    """

    run_id: str
    case: Case
    dataset_id: str
    case_key: str


@dataclass(slots=True, kw_only=True, eq=False)
class ModelTry:
    """One try of a call.

    Attributes:
        began_at, ended_at: seconds since 1970 UTC; waiting for a limit is before the beginning.
        error: why it failed; None for a try that was answered.
    """

    began_at: float
    ended_at: float = 0.0
    error: BaseException | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class ModelCall:
    """A call of a generator or a judge that has ended, with its tries.

    Attributes:
        of: the case.
        model: the live generator or judge.
        asked: the case that a generator got, with its prompt; the prompt that a judge got.
        is_judge: whether it is a judge's.
        is_batched: whether the answer came in a batch; then there is no try.
        candidate_index: the candidate that was generated; None for a judge.
        metric_id: the metric that asked the judge; None for a generator, and where a selector asks.
        call_id: the judge's call within its workflow.
        seed: the seed of the call.
        tries: its tries in order; all but the last one failed.
        result: what it returned, a `GenerationResult` or a `JudgeResponse`; None after a failure.
        generation: the answer of the generator that a judge asks; that of a generator itself.
        error: why it failed; None after an answer.
    """

    of: ObservedCase
    model: Any
    asked: Any
    is_judge: bool
    is_batched: bool = False
    candidate_index: int | None = None
    metric_id: str | None = None
    call_id: str | None = None
    seed: int | None = None
    tries: list[ModelTry] = field(default_factory=list)
    result: Any = None
    generation: GenerationResult | None = None
    error: BaseException | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class CaseScore:
    """What a metric gave for an answer of a case: its score, or why there is none.

    Attributes:
        of: the case.
        metric_id: the metric, as the experiment names it.
        candidate_index: the candidate that was scored; None for the reduced one.
        score: None for an answer that is unscored.
        category: why there is no score, such as `score_failure`, or that the score is one of no answer.
        reason: the same in words; None with a score.
        execution: the workflow of a metric that asks judges, an `EvaluationExecution`; None without one.
    """

    of: ObservedCase
    metric_id: str
    candidate_index: int | None
    score: Score | None = None
    category: str | None = None
    reason: str | None = None
    execution: Any = None
