"""Scores as events: what a metric gave for an answer, linked to the span of the call that it came from."""

import time

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context

from themis.core.observations import CaseScore
from themis.core.text import masking
from themis.core.workflows import EvaluationExecution
from themis.telemetry.asked import Attributes
from themis.telemetry.calls import clean
from themis.telemetry.conventions import (
    CANDIDATE_INDEX,
    CASE_ID,
    DATASET_ID,
    EVALUATION_RESULT,
    error_attributes,
    gen_ai,
)
from themis.telemetry.messages import Content


class ScoreRecorder:
    """Makes the events of scores."""

    def __init__(self, logger: Logger, content: Content) -> None:
        """Use `logger`; what judges gave as reasons is sent as `content` says."""
        self._logger = logger
        self._content = content

    def record(self, told: CaseScore, linked: Context | None, response_id: str | None) -> None:
        """Record what a metric gave.

        Args:
            told: the score, or why there is none.
            linked: the context of the span that it is linked to.
            response_id: the provider's id of the answer that was scored, where it is known.
        """
        found: Attributes = {
            gen_ai.GEN_AI_EVALUATION_NAME: told.metric_id,
            CASE_ID: told.of.case.case_id,
            DATASET_ID: told.of.dataset_id,
        }
        if told.candidate_index is not None:
            found[CANDIDATE_INDEX] = told.candidate_index
        if response_id is not None:
            found[gen_ai.GEN_AI_RESPONSE_ID] = response_id
        found |= _score(told) if told.score is not None else _reason(told)
        if self._content.is_wanted and (said := _rationale(told)) is not None:
            found[gen_ai.GEN_AI_EVALUATION_EXPLANATION] = said
        self._logger.emit(
            event_name=EVALUATION_RESULT,
            timestamp=time.time_ns(),
            context=linked,
            severity_number=SeverityNumber.INFO,
            attributes=clean(found),
        )


def _score(told: CaseScore) -> Attributes:
    assert told.score is not None, "there is one"  # noqa: S101
    found: Attributes = {gen_ai.GEN_AI_EVALUATION_SCORE_VALUE: told.score.value}
    label = told.category or told.score.details.get("category") or _verdict(told)
    return found | ({gen_ai.GEN_AI_EVALUATION_SCORE_LABEL: label} if isinstance(label, str) else {})


def _reason(told: CaseScore) -> Attributes:
    found: Attributes = {error_attributes.ERROR_TYPE: told.category or "unscored"}
    return found | ({gen_ai.GEN_AI_EVALUATION_EXPLANATION: told.reason} if told.reason else {})


def _verdict(told: CaseScore) -> str | None:
    """Return the verdict that all judgments agree on; None where there is none, or are several."""
    execution = told.execution
    if not isinstance(execution, EvaluationExecution):
        return None
    labels = {judgment.label for judgment in execution.parsed_judgments}
    return labels.pop() if len(labels) == 1 else None


def _rationale(told: CaseScore) -> str | None:
    execution = told.execution
    if not isinstance(execution, EvaluationExecution):
        return None
    said = [judgment.rationale for judgment in execution.parsed_judgments if judgment.rationale]
    return masking.mask("\n\n".join(said)) if said else None
