"""Events passed to a subscriber's `on_event`, one class each."""

from datetime import datetime
from typing import ClassVar

from themis.core.base import FrozenModel
from themis.core.outcomes.stages import Stage


class RunEvent(FrozenModel):
    """Something happened in a run."""

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
    """Something happened in one case of a run."""

    case_id: str
    dataset_id: str
    case_key: str
    candidate_index: int | None = None
    metric_id: str | None = None


class CaseFailedEvent(CaseEvent):
    """A stage of a case gave no result."""

    category: str
    error_message: str


class GenerationStartedEvent(CaseEvent):
    """A candidate is about to be generated."""

    event_type = "generation_started"


class GenerationCompletedEvent(CaseEvent):
    """A candidate was generated."""

    event_type = "generation_completed"


class GenerationFailedEvent(CaseFailedEvent):
    """A candidate could not be generated."""

    event_type = "generation_failed"


class SelectionStartedEvent(CaseEvent):
    """Candidates are about to be selected."""

    event_type = "selection_started"


class SelectionCompletedEvent(CaseEvent):
    """Candidates were selected."""

    event_type = "selection_completed"


class SelectionFailedEvent(CaseFailedEvent):
    """Candidates could not be selected."""

    event_type = "selection_failed"


class ReductionStartedEvent(CaseEvent):
    """Candidates are about to be reduced."""

    event_type = "reduction_started"


class ReductionCompletedEvent(CaseEvent):
    """Candidates were reduced to one."""

    event_type = "reduction_completed"


class ReductionFailedEvent(CaseFailedEvent):
    """Candidates could not be reduced."""

    event_type = "reduction_failed"


class ParseStartedEvent(CaseEvent):
    """A candidate is about to be parsed."""

    event_type = "parse_started"


class ParseCompletedEvent(CaseEvent):
    """A candidate was parsed."""

    event_type = "parse_completed"


class ParseFailedEvent(CaseFailedEvent):
    """A candidate could not be parsed."""

    event_type = "parse_failed"


class ScoreStartedEvent(CaseEvent):
    """A metric is about to score a case."""

    event_type = "score_started"


class ScoreCompletedEvent(CaseEvent):
    """A metric scored a case."""

    event_type = "score_completed"


class ScoreFailedEvent(CaseFailedEvent):
    """A metric gave no score."""

    event_type = "score_failed"


class EvaluationStartedEvent(CaseEvent):
    """A metric is about to ask its judges about a case."""

    event_type = "evaluation_started"


class EvaluationCompletedEvent(CaseEvent):
    """A metric scored a case by what its judges said."""

    event_type = "evaluation_completed"


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
