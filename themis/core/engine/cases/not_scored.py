"""Reasons why a metric has no score, and why a result is not one."""

import inspect
from typing import Any

from themis.core.errors import BadResultError
from themis.core.models import ScoreError
from themis.core.outcomes import codec
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import NAMES, Stage
from themis.core.results import StageFailure


def bad_result(component: Any, expected: type | tuple[type, ...], result: Any) -> BadResultError:
    """Return the error of a component that returned something else than it must.

    A coroutine is closed, or Python would warn that nobody awaited it.
    """
    if inspect.iscoroutine(result):
        result.close()
    wanted = expected if isinstance(expected, type) else expected[0]
    return BadResultError(
        component=getattr(component, "component_id", "the component"),
        found=type(result).__name__,
        expected=wanted.__name__,
    )


def no_score(stage: Stage, parsed: Any, error: ScoreError) -> StageFailure:
    """Return the failure of a metric that says itself why it has no score."""
    names = NAMES[stage]
    return StageFailure(
        stage=names.span,
        category="parse_null" if parsed.value is None else names.failure_category,
        message=_printable(error.reason),
        error_type=type(error).__name__,
        retryable=error.retryable,
        details=error.details,
    )


def not_called(outcome: Outcome, metric_id: str | None) -> dict[str, Any]:
    """Return the fields of a `CaseScore` for a metric that was not called."""
    if not outcome.ok:
        failure = codec.to_failure(outcome)
        return {"category": failure.category, "reason": failure.message}
    score = codec.to_score(outcome, metric_id or "")
    if score is not None:
        return {"score": score, "category": outcome.category}
    reason = codec.to_details(outcome).get("reason")
    left_out = f"left out: the answer is one of {outcome.category}"
    return {"category": outcome.category, "reason": reason if isinstance(reason, str) else left_out}


def _printable(text: str) -> str:
    """Text that UTF-8 can encode, whatever the component's message contains."""
    return text.encode("utf-8", "backslashreplace").decode()
