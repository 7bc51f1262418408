"""Results and failures as outcomes, and back. The texts are JSON; only what differs from a default is written."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import pydantic_core
from pydantic import TypeAdapter

from themis.core.base import FrozenModel, JSONValue
from themis.core.models import GenerationResult, ParsedOutput, ReducedCandidate, Score, ScoreError
from themis.core.outcomes.answer_ends import AnswerEnd, answer_end
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import NAMES, Stage
from themis.core.results import StageFailure
from themis.core.statistics.score_tally import NO_ANSWER
from themis.core.text import masking
from themis.core.workflows import EvaluationExecution

EMPTY = "{}"

EVALUATION_PARTIAL_FAILURE = "evaluation_partial_failure"
"""Category of a metric for which some of the judge's calls failed; it has a score if the others are enough for one."""

_OK, _FAILED = True, False

# Bound once: looking up a member on its class takes as long as creating the whole outcome.
_GENERATE, _SELECT, _REDUCE, _PARSE, _SCORE = Stage.GENERATE, Stage.SELECT, Stage.REDUCE, Stage.PARSE, Stage.SCORE
_JUDGE = Stage.JUDGE
_OUTPUT = {"final_output"}
_VALUE = {"value"}
_ANY_JSON: TypeAdapter[Any] = TypeAdapter(JSONValue)
_MAX_DIGITS = 4300  # Python refuses to read a number with more digits


def now_ms() -> int:
    """Return the milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def generated(case_no: int, item: int, result: GenerationResult, retries: str | None) -> Outcome:
    """Return the outcome of a generated candidate."""
    body = _rest_text(GenerationResult, result, _OUTPUT)
    end = answer_end(result)
    category = None if end is None else end.value
    text = json_text(result.final_output)
    return Outcome(case_no, _GENERATE, item, _OK, now_ms(), None, text, body, retries, category)


def selected(case_no: int, item: int, kept: list[int], retries: str | None) -> Outcome:
    """Return the outcome of a selection: the indexes of the candidates that were kept."""
    return Outcome(case_no, _SELECT, item, _OK, now_ms(), None, json_text(kept), EMPTY, retries)


def reduced(case_no: int, item: int, result: ReducedCandidate, retries: str | None) -> Outcome:
    """Return the outcome of a reduction."""
    body = _rest_text(ReducedCandidate, result, _OUTPUT)
    return Outcome(case_no, _REDUCE, item, _OK, now_ms(), None, json_text(result.final_output), body, retries)


def parsed(case_no: int, item: int, result: ParsedOutput, retries: str | None) -> Outcome:
    """Return the outcome of a parse."""
    body = _rest_text(ParsedOutput, result, _VALUE)
    return Outcome(case_no, _PARSE, item, _OK, now_ms(), None, json_text(result.value), body, retries)


def scored(case_no: int, item: int, result: Score, retries: str | None) -> Outcome:
    """Return the outcome of a metric; its id follows from `item`.

    Raises:
        ValueError: the score is not a finite number.
    """
    value, details = result.value, result.details
    if not math.isfinite(value):
        msg = f"a score must be a finite number, not {value}; return a ScoreError where there is no score"
        raise ValueError(msg)
    body = json_text(details) if details else EMPTY
    return Outcome(case_no, _SCORE, item, _OK, now_ms(), value, None, body, retries)


def judged(case_no: int, item: int, execution: EvaluationExecution, retries: str | None) -> Outcome:
    """Return the outcome of a metric that asks a judge: the number that the judgments come to, and how.

    Raises:
        ValueError: they do not come to a finite number.
    """
    found = execution.aggregation_output
    value = None if found is None else found.value
    if found is None or not isinstance(value, int | float) or not math.isfinite(value):
        msg = f"the judgments come to no finite number, but to {value!r}"
        raise ValueError(msg)
    category = None if execution.status == "completed" else EVALUATION_PARTIAL_FAILURE
    body = json_text(found.details) if found.details else EMPTY
    return Outcome(case_no, _JUDGE, item, _OK, now_ms(), float(value), model_text(execution), body, retries, category)


def not_judged(case_no: int, item: int, failure: StageFailure, execution: EvaluationExecution | None) -> Outcome:
    """Return the outcome of a metric that asks a judge and has no score, with what was done of its workflow."""
    outcome = failed(case_no, _JUDGE, item, failure)
    return outcome if execution is None else outcome._replace(output=model_text(execution))


def no_answer(
    case_no: int, item: int, value: float | None, details: dict[str, JSONValue], stage: Stage = Stage.SCORE
) -> Outcome:
    """Return the outcome of a metric that was not called, as there was nothing to score; final, whatever it counts."""
    body = json_text(details) if details else EMPTY
    return Outcome(case_no, stage, item, _OK, now_ms(), value, None, body, None, NO_ANSWER)


def left_out(case_no: int, item: int, end: AnswerEnd, stage: Stage = Stage.SCORE) -> Outcome:
    """Return the outcome of a metric that was not called, as its answer ended in a way that is left out; final."""
    return Outcome(case_no, stage, item, _OK, now_ms(), None, None, EMPTY, None, end.value)


def failed(case_no: int, stage: Stage, item: int, failure: StageFailure) -> Outcome:
    """Return the outcome of a stage that gave no result."""
    rest = failure.model_dump(mode="json", exclude={"stage", "attempts"}, exclude_defaults=True)
    retries = json_text(failure.attempts) if failure.attempts else None
    return Outcome(case_no, stage, item, _FAILED, now_ms(), None, None, json_text(rest), retries)


def without_secrets(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return the outcomes with resolved secrets masked; a component may echo its arguments."""
    if masking.is_idle() or not masking.found_in("\n".join(_texts(outcomes))):  # one check of all of them is cheap
        return outcomes
    return [
        outcome._replace(
            output=None if outcome.output is None else masking.mask_json(outcome.output),
            body=masking.mask_json(outcome.body),
            retries=None if outcome.retries is None else masking.mask_json(outcome.retries),
        )
        for outcome in outcomes
    ]


def to_generation(outcome: Outcome) -> GenerationResult:
    """Return the candidate that an outcome holds."""
    return GenerationResult(final_output=_output(outcome), **json.loads(outcome.body))


def to_selection(outcome: Outcome) -> list[int]:
    """Return the indexes of the candidates that a selection kept."""
    kept: list[int] = json.loads(outcome.output or "[]")
    return kept


def to_reduced(outcome: Outcome) -> ReducedCandidate:
    """Return the reduced candidate that an outcome holds."""
    return ReducedCandidate(final_output=_output(outcome), **json.loads(outcome.body))


def to_parsed(outcome: Outcome) -> ParsedOutput:
    """Return the parsed output that an outcome holds."""
    return ParsedOutput(value=_output(outcome), **json.loads(outcome.body))


def to_score(outcome: Outcome, metric_id: str) -> Score | None:
    """Return the score that an outcome holds; None for an unscored answer with nothing to score."""
    if outcome.value is None:
        return None
    return Score.model_validate({"metric_id": metric_id, "value": outcome.value, "details": to_details(outcome)})


def to_given(outcome: Outcome, metric_id: str) -> Score | ScoreError | None:
    """Return a metric's score, or why there is none, also when it raised; None as for `to_score`."""
    if outcome.ok:
        return to_score(outcome, metric_id)
    failure = to_failure(outcome)
    return ScoreError(metric_id=metric_id, reason=failure.message, retryable=failure.retryable, details=failure.details)


def to_execution(outcome: Outcome) -> EvaluationExecution | None:
    """Return the execution of a workflow that an outcome holds; None when there was nothing to judge."""
    return None if outcome.output is None else EvaluationExecution.model_validate_json(outcome.output)


def to_details(outcome: Outcome) -> dict[str, JSONValue]:
    """Return the details beside a score."""
    details: dict[str, JSONValue] = json.loads(outcome.body)
    return details if outcome.category is None else {"category": outcome.category, **details}


def to_failure(outcome: Outcome) -> StageFailure:
    """Return the failure that an outcome holds."""
    names = NAMES[outcome.stage]
    attempts = json.loads(outcome.retries) if outcome.retries else []
    return StageFailure(stage=names.span, attempts=attempts, **json.loads(outcome.body))


def json_text(value: Any) -> str:
    """Return the JSON text of a value; a lone surrogate, which UTF-8 cannot encode, is written as an ASCII escape.

    Raises:
        ValueError: it could not be read again: it holds NaN, an infinity or too many digits, or is not JSON.
    """
    try:
        text = pydantic_core.to_json(value).decode()
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError):
        # Not `to_jsonable_python` for all of it: that refuses a lone surrogate in a key.
        text = json.dumps(value, ensure_ascii=True, allow_nan=False, default=pydantic_core.to_jsonable_python)
        _ANY_JSON.validate_python(json.loads(text))  # a value nested too deeply could not be read again
    return _readable(text)


def model_text(model: FrozenModel) -> str:
    """Return the JSON text of a model, without the fields at their defaults."""
    serializer = type(model).__pydantic_serializer__
    try:
        text = serializer.to_json(model, exclude_defaults=True).decode()
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError):
        return json_text(serializer.to_python(model, mode="python", exclude_defaults=True))
    return _readable(text)


def _rest_text(kind: type[FrozenModel], model: FrozenModel, kept_apart: set[str]) -> str:
    """Return the JSON text of a `kind`'s fields that are set and not stored separately; `model` may have more."""
    serializer = kind.__pydantic_serializer__  # the model's own method takes twice as long
    try:
        text = serializer.to_json(model, exclude=kept_apart, exclude_none=True).decode()
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError):
        return json_text(serializer.to_python(model, exclude=kept_apart, exclude_none=True))
    return _readable(text)


def _readable(text: str) -> str:
    """Return `text`, checked in case of doubt: one unreadable result must not make a whole run unreadable."""
    if len(text) > _MAX_DIGITS or "NaN" in text or "Infinity" in text:
        json.loads(text, parse_constant=_refuse)
    return text


def _refuse(constant: str) -> NoReturn:
    msg = f"{constant} is not a number that JSON has"
    raise ValueError(msg)


def _texts(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        yield from (text for text in (outcome.output, outcome.body, outcome.retries) if text is not None)


def _output(outcome: Outcome) -> JSONValue:
    return json.loads(outcome.output) if outcome.output is not None else None
