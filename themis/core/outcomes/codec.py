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
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import NAMES, Stage
from themis.core.results import StageFailure
from themis.core.statistics.score_tally import NO_ANSWER
from themis.core.text import masking

EMPTY = "{}"
_OK, _FAILED = True, False

# Bound once: looking a member up on its class takes as long as making the whole outcome.
_GENERATE, _SELECT, _REDUCE, _PARSE, _SCORE = Stage.GENERATE, Stage.SELECT, Stage.REDUCE, Stage.PARSE, Stage.SCORE
_OUTPUT = {"final_output"}
_VALUE = {"value"}
_ANY_JSON: TypeAdapter[Any] = TypeAdapter(JSONValue)
_MAX_DIGITS = 4300  # beyond them Python refuses to read a number


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def generated(case_no: int, item: int, result: GenerationResult, retries: str | None) -> Outcome:
    """The outcome of a candidate that was generated."""
    body = _rest_text(GenerationResult, result, _OUTPUT)
    return Outcome(case_no, _GENERATE, item, _OK, now_ms(), None, json_text(result.final_output), body, retries)


def selected(case_no: int, item: int, kept: list[int], retries: str | None) -> Outcome:
    """The outcome of a selection: the indexes of the candidates that were kept."""
    return Outcome(case_no, _SELECT, item, _OK, now_ms(), None, json_text(kept), EMPTY, retries)


def reduced(case_no: int, item: int, result: ReducedCandidate, retries: str | None) -> Outcome:
    """The outcome of a reduction."""
    body = _rest_text(ReducedCandidate, result, _OUTPUT)
    return Outcome(case_no, _REDUCE, item, _OK, now_ms(), None, json_text(result.final_output), body, retries)


def parsed(case_no: int, item: int, result: ParsedOutput, retries: str | None) -> Outcome:
    """The outcome of a parse."""
    body = _rest_text(ParsedOutput, result, _VALUE)
    return Outcome(case_no, _PARSE, item, _OK, now_ms(), None, json_text(result.value), body, retries)


def scored(case_no: int, item: int, result: Score, retries: str | None) -> Outcome:
    """The outcome of a metric; its id follows from `item`.

    Raises:
        ValueError: the score is no finite number.
    """
    if not math.isfinite(result.value):
        msg = f"a score must be a finite number, not {result.value}; return a ScoreError where there is no score"
        raise ValueError(msg)
    body = json_text(result.details) if result.details else EMPTY
    return Outcome(case_no, _SCORE, item, _OK, now_ms(), result.value, None, body, retries)


def no_answer(case_no: int, item: int, value: float | None, details: dict[str, JSONValue]) -> Outcome:
    """The outcome of a metric that was not asked, as there was nothing to score; final, whatever it counts."""
    body = json_text(details) if details else EMPTY
    return Outcome(case_no, _SCORE, item, _OK, now_ms(), value, None, body, None, NO_ANSWER)


def failed(case_no: int, stage: Stage, item: int, failure: StageFailure) -> Outcome:
    """The outcome of a stage that gave no result."""
    rest = failure.model_dump(mode="json", exclude={"stage", "attempts"}, exclude_defaults=True)
    retries = json_text(failure.attempts) if failure.attempts else None
    return Outcome(case_no, stage, item, _FAILED, now_ms(), None, None, json_text(rest), retries)


def without_secrets(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The same outcomes without any secret that this process resolved; a component may echo what it was given."""
    if masking.is_idle() or not masking.found_in("\n".join(_texts(outcomes))):  # one look at all of them is cheap
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
    """The candidate that an outcome holds."""
    return GenerationResult(final_output=_output(outcome), **json.loads(outcome.body))


def to_selection(outcome: Outcome) -> list[int]:
    """The indexes of the candidates that a selection kept."""
    kept: list[int] = json.loads(outcome.output or "[]")
    return kept


def to_reduced(outcome: Outcome) -> ReducedCandidate:
    """The reduced candidate that an outcome holds."""
    return ReducedCandidate(final_output=_output(outcome), **json.loads(outcome.body))


def to_parsed(outcome: Outcome) -> ParsedOutput:
    """The parsed output that an outcome holds."""
    return ParsedOutput(value=_output(outcome), **json.loads(outcome.body))


def to_score(outcome: Outcome, metric_id: str) -> Score | None:
    """The score that an outcome holds; None for an answer with nothing to score that counts nothing."""
    if outcome.value is None:
        return None
    return Score.model_validate({"metric_id": metric_id, "value": outcome.value, "details": to_details(outcome)})


def to_given(outcome: Outcome, metric_id: str) -> Score | ScoreError | None:
    """What a metric gave: its score, or why there is none, also where it raised; None as `to_score` says."""
    if outcome.ok:
        return to_score(outcome, metric_id)
    failure = to_failure(outcome)
    return ScoreError(metric_id=metric_id, reason=failure.message, retryable=failure.retryable, details=failure.details)


def to_details(outcome: Outcome) -> dict[str, JSONValue]:
    """What is said beside a score."""
    details: dict[str, JSONValue] = json.loads(outcome.body)
    return details if outcome.category is None else {"category": outcome.category, **details}


def to_failure(outcome: Outcome) -> StageFailure:
    """The failure that an outcome holds."""
    names = NAMES[outcome.stage]
    attempts = json.loads(outcome.retries) if outcome.retries else []
    return StageFailure(stage=names.span, attempts=attempts, **json.loads(outcome.body))


def json_text(value: Any) -> str:
    """JSON text of a value; a lone surrogate, which UTF-8 cannot carry, is written as an ASCII escape.

    Raises:
        ValueError: it could not be read again: it holds NaN, an infinity, a number of very many digits, or no JSON.
    """
    try:
        text = pydantic_core.to_json(value).decode()
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError):
        # Not `to_jsonable_python` for all of it: that refuses a lone surrogate in a key.
        text = json.dumps(value, ensure_ascii=True, allow_nan=False, default=pydantic_core.to_jsonable_python)
        _ANY_JSON.validate_python(json.loads(text))  # what is nested too deeply could not be read again
    return _readable(text)


def _rest_text(kind: type[FrozenModel], model: FrozenModel, kept_apart: set[str]) -> str:
    """JSON text of those fields of a `kind` that hold anything and are not kept apart; `model` may have more fields."""
    serializer = kind.__pydantic_serializer__  # the model's own method takes twice as long
    try:
        text = serializer.to_json(model, exclude=kept_apart, exclude_none=True).decode()
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError):
        return json_text(serializer.to_python(model, exclude=kept_apart, exclude_none=True))
    return _readable(text)


def _readable(text: str) -> str:
    """`text`, read to see that it can be, where it is in doubt: one result must not make a whole run unreadable."""
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
