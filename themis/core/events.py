"""Events passed to a subscriber's `on_event`, one class each."""

from datetime import datetime
from typing import ClassVar

from themis.core.base import FrozenModel
from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate, Score
from themis.core.outcomes.stages import Stage
from themis.core.results import StageFailure
from themis.core.workflows import EvaluationExecution


class RunEvent(FrozenModel, defer_build=True):
    """Something happened in a run.

    A class of events is built by pydantic when it is first used: a run without subscribers uses none.
    """

    event_type: ClassVar[str]

    run_id: str
    occurred_at: datetime


class RunStartedEvent(RunEvent):
    """A run starts or continues."""

    event_type = "run_started"


class RunCompletedEvent(RunEvent):
    """A run ended; `status` is its final state."""

    event_type = "run_completed"
    status: str


class RunFailedEvent(RunEvent):
    """A run failed as a whole."""

    event_type = "run_failed"
    error_message: str


class CaseEvent(RunEvent):
    """Something happened in one case of a run.

    Attributes:
        case_key: tells apart equal case ids of two datasets.
        candidate_index: position of the candidate that it is about; None for the reduced one.
        candidate_id: its name, where it is known.
    """

    case_id: str
    dataset_id: str
    case_key: str
    candidate_index: int | None = None
    candidate_id: str | None = None
    metric_id: str | None = None


class CaseFailedEvent(CaseEvent):
    """A stage of a case gave no result; `error` is what the store keeps of it."""

    category: str
    error_message: str
    error: StageFailure | None = None


class GenerationStartedEvent(CaseEvent):
    """A candidate is about to be generated."""

    event_type = "generation_started"


class GenerationCompletedEvent(CaseEvent):
    """A candidate was generated."""

    event_type = "generation_completed"
    result: GenerationResult | None = None


class GenerationFailedEvent(CaseFailedEvent):
    """A candidate could not be generated."""

    event_type = "generation_failed"


class SelectionStartedEvent(CaseEvent):
    """Candidates are about to be selected."""

    event_type = "selection_started"


class SelectionCompletedEvent(CaseEvent):
    """Candidates were selected; `result` has the positions of those that are kept."""

    event_type = "selection_completed"
    result: list[int] | None = None


class SelectionFailedEvent(CaseFailedEvent):
    """Candidates could not be selected."""

    event_type = "selection_failed"


class ReductionStartedEvent(CaseEvent):
    """Candidates are about to be reduced."""

    event_type = "reduction_started"


class ReductionCompletedEvent(CaseEvent):
    """Candidates were reduced to one."""

    event_type = "reduction_completed"
    result: ReducedCandidate | None = None


class ReductionFailedEvent(CaseFailedEvent):
    """Candidates could not be reduced."""

    event_type = "reduction_failed"


class ParseStartedEvent(CaseEvent):
    """A candidate is about to be parsed."""

    event_type = "parse_started"


class ParseCompletedEvent(CaseEvent):
    """A candidate was parsed."""

    event_type = "parse_completed"
    result: ParsedOutput | None = None


class ParseFailedEvent(CaseFailedEvent):
    """A candidate could not be parsed."""

    event_type = "parse_failed"


class ScoreStartedEvent(CaseEvent):
    """A metric is about to score a case."""

    event_type = "score_started"


class ScoreCompletedEvent(CaseEvent):
    """A metric scored a case."""

    event_type = "score_completed"
    score: Score | None = None


class ScoreFailedEvent(CaseFailedEvent):
    """A metric gave no score."""

    event_type = "score_failed"


class EvaluationStartedEvent(CaseEvent):
    """A metric is about to ask its judges about a case."""

    event_type = "evaluation_started"


class EvaluationCompletedEvent(CaseEvent):
    """A metric scored a case by what its judges said."""

    event_type = "evaluation_completed"
    result: EvaluationExecution | None = None
    score: Score | None = None


class EvaluationFailedEvent(CaseFailedEvent):
    """A metric gave no score, as its judges could not be asked or their answers not be read."""

    event_type = "evaluation_failed"


STARTED: dict[Stage, type[CaseEvent]] = {
    Stage.GENERATE: GenerationStartedEvent,
    Stage.SELECT: SelectionStartedEvent,
    Stage.REDUCE: ReductionStartedEvent,
    Stage.PARSE: ParseStartedEvent,
    Stage.SCORE: ScoreStartedEvent,
    Stage.JUDGE: EvaluationStartedEvent,
}
COMPLETED: dict[Stage, type[CaseEvent]] = {
    Stage.GENERATE: GenerationCompletedEvent,
    Stage.SELECT: SelectionCompletedEvent,
    Stage.REDUCE: ReductionCompletedEvent,
    Stage.PARSE: ParseCompletedEvent,
    Stage.SCORE: ScoreCompletedEvent,
    Stage.JUDGE: EvaluationCompletedEvent,
}
FAILED: dict[Stage, type[CaseFailedEvent]] = {
    Stage.GENERATE: GenerationFailedEvent,
    Stage.SELECT: SelectionFailedEvent,
    Stage.REDUCE: ReductionFailedEvent,
    Stage.PARSE: ParseFailedEvent,
    Stage.SCORE: ScoreFailedEvent,
    Stage.JUDGE: EvaluationFailedEvent,
}
