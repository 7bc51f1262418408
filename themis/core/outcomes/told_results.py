"""Results of a stage as observers are told them: by the names of events, with resolved secrets masked."""

import math
from typing import Any

from themis.core.base import FrozenModel
from themis.core.models import GenerationResult, ReducedCandidate, Score
from themis.core.outcomes.codec import model_text
from themis.core.outcomes.stages import Stage
from themis.core.text import masking
from themis.core.workflows import EvaluationExecution


def facts_of(stage: Stage, result: Any, metric_id: str | None) -> dict[str, Any]:
    """Return what an event says of a result: the result itself, its candidate's id, and the score of a metric."""
    told = _without_secrets(result)
    if stage in {Stage.SCORE, Stage.JUDGE} and isinstance(told, Score):
        return {"score": told}
    facts: dict[str, Any] = {"result": told}
    if isinstance(told, GenerationResult | ReducedCandidate):
        facts["candidate_id"] = told.candidate_id
    elif isinstance(told, EvaluationExecution):
        facts["score"] = score_of(told, metric_id)
    return facts


def score_of(result: Any, metric_id: str | None) -> Score | None:
    """Return the score of a metric: itself, or what its judgments come to; None where that is not a finite number."""
    if isinstance(result, Score):
        return result
    found = result.aggregation_output if isinstance(result, EvaluationExecution) else None
    if found is None or not isinstance(found.value, int | float) or not math.isfinite(found.value):
        return None
    return Score(metric_id=metric_id or "", value=float(found.value), details=found.details)


def _without_secrets(result: Any) -> Any:
    if masking.is_idle() or not isinstance(result, FrozenModel):
        return result
    text = model_text(result)
    return type(result).model_validate_json(masking.mask_json(text)) if masking.found_in(text) else result
