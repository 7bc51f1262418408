"""Calls of models as spans and measurements: one for each call, with all of its tries."""

import time
from typing import Any

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from themis.core.engine.retry_policy import message_of
from themis.core.observations import ModelCall
from themis.core.text import masking
from themis.core.text.canonical import compact_json
from themis.telemetry.answered import answer, error_type, usage, usage_of_failure
from themis.telemetry.asked import Attributes, parameters, span_name, whom
from themis.telemetry.conventions import (
    CANDIDATE_INDEX,
    CASE_ID,
    DATASET_ID,
    DURATION_BOUNDS,
    INPUT,
    IS_BATCHED,
    JUDGE_CALL_ID,
    METRIC_ID,
    OPERATION_DETAILS,
    OUTPUT,
    RETRY,
    RETRY_COUNT,
    RETRY_NUMBER,
    TOKEN_BOUNDS,
    error_attributes,
    exception_attributes,
    gen_ai,
    gen_ai_metrics,
)
from themis.telemetry.messages import Content, messages_of

_NS_PER_S = 1_000_000_000
_COUNTED = {"prompt_tokens": INPUT, "completion_tokens": OUTPUT}


class CallRecorder:
    """Makes the spans and the measurements of calls."""

    def __init__(self, tracer: Tracer, meter: Meter, logger: Logger, content: Content) -> None:
        """Use `tracer` and `meter`, and `logger` for events; messages are sent as `content` says."""
        self._tracer = tracer
        self._logger = logger
        self._content = content
        self._tokens = meter.create_histogram(
            gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE,
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BOUNDS,
        )
        self._duration = meter.create_histogram(
            gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION,
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDS,
        )

    def record(self, call: ModelCall, within: Context | None) -> SpanContext:
        """Record a call that has ended, as a span in the context `within`; returns what its scores are linked to."""
        asked, answered = whom(call), answer(call)
        began_at, ended_at = _times(call)
        attributes = clean(asked | parameters(call) | answered | _place(call))
        messages = _messages(call) if self._content.is_wanted else {}
        span = self._tracer.start_span(
            masking.mask(span_name(call, asked)),
            context=within,
            kind=SpanKind.CLIENT,
            start_time=int(began_at * _NS_PER_S),
            attributes=attributes | (_as_texts(messages) if self._content.in_spans else {}),
        )
        if self._content.in_events and messages:
            self._logger.emit(
                event_name=OPERATION_DETAILS,
                timestamp=int(ended_at * _NS_PER_S),
                context=set_span_in_context(span),
                severity_number=SeverityNumber.DEBUG,
                attributes=attributes | messages,
            )
        _note_tries(span, call)
        if call.error is not None:
            span.set_attribute(error_attributes.ERROR_TYPE, error_type(call.error))
            span.set_status(Status(StatusCode.ERROR, message_of(call.error)))
        span.end(int(ended_at * _NS_PER_S))
        self._measure(call, asked, answered, ended_at - began_at)
        return span.get_span_context()

    def _measure(self, call: ModelCall, asked: Attributes, answered: Attributes, seconds: float) -> None:
        served = {gen_ai.GEN_AI_RESPONSE_MODEL} & answered.keys()
        names = clean(asked | {name: answered[name] for name in served})
        failed = [usage_of_failure(one.error) for one in _failed_before(call)]
        for used in (*failed, usage(call)):
            for kind, token_type in _COUNTED.items():
                if kind in used:
                    self._tokens.record(used[kind], {**names, gen_ai.GEN_AI_TOKEN_TYPE: token_type})
        if not call.is_batched:  # nobody waited for it, and nobody knows how long it took
            error = {} if call.error is None else {error_attributes.ERROR_TYPE: error_type(call.error)}
            self._duration.record(seconds, {**names, **error})


def clean(attributes: Attributes) -> Attributes:
    """Return attributes with resolved secrets masked in their texts."""
    return {name: masking.masked(value) for name, value in attributes.items()}


def _times(call: ModelCall) -> tuple[float, float]:
    """Return when the first try began and when the last one ended, in seconds since 1970; now for a batch's."""
    if not call.tries:
        now = time.time()
        return now, now
    return call.tries[0].began_at, max(one.ended_at for one in call.tries)


def _place(call: ModelCall) -> Attributes:
    found: Attributes = {
        CASE_ID: call.of.case.case_id,
        DATASET_ID: call.of.dataset_id,
        CANDIDATE_INDEX: call.candidate_index,
        METRIC_ID: call.metric_id,
        JUDGE_CALL_ID: call.call_id,
        IS_BATCHED: True if call.is_batched else None,
        RETRY_COUNT: len(_failed_before(call)) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _failed_before(call: ModelCall) -> list[Any]:
    """Return the tries that failed and were followed by another one."""
    return [one for one in call.tries[:-1] if one.error is not None]


def _note_tries(span: Span, call: ModelCall) -> None:
    for number, one in enumerate(_failed_before(call), 1):
        said: Attributes = {
            RETRY_NUMBER: number,
            error_attributes.ERROR_TYPE: error_type(one.error),
            exception_attributes.EXCEPTION_MESSAGE: message_of(one.error),
        }
        span.add_event(RETRY, said, int(one.ended_at * _NS_PER_S))


def _messages(call: ModelCall) -> Attributes:
    asked, answered = messages_of(call)
    found: Attributes = {gen_ai.GEN_AI_INPUT_MESSAGES: asked}
    return found | ({gen_ai.GEN_AI_OUTPUT_MESSAGES: answered} if answered else {})


def _as_texts(messages: Attributes) -> Attributes:
    """Return messages as texts of JSON, as spans have no other form for them."""
    return {name: compact_json(value) for name, value in messages.items()}
