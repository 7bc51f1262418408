"""Cases on their way: the span of each, and which call an answer came from."""

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, set_span_in_context

from themis.core.models import GenerationResult, ReducedCandidate
from themis.core.observations import ModelCall
from themis.telemetry.answered import response_id


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """The call that a candidate came from.

    Attributes:
        span: that of the call.
        response_id: the provider's id of the answer.
        candidate_id, output: those of the candidate.
    """

    span: SpanContext
    response_id: str | None
    candidate_id: str | None
    output: Any

    @property
    def context(self) -> Context:
        """The context of the call's span."""
        return set_span_in_context(NonRecordingSpan(self.span))


@dataclass(slots=True)
class OpenCase:
    """A case that has not ended.

    Attributes:
        span: its span; None where a batch was answered before the case began.
        calls: the call of each candidate that was generated in this run.
        kept: the candidates that a selector kept; None without one.
        reduced: what they were reduced to; None without a reducer.
        told: the metrics that gave something for the reduced answer.
        failure: category and message of the first stage that failed before its metrics.
    """

    span: Span | None = None
    calls: dict[int, AnsweredCall] = field(default_factory=dict)
    kept: list[int] | None = None
    reduced: ReducedCandidate | None = None
    told: set[str] = field(default_factory=set)
    failure: tuple[str, str] | None = None

    def note_call(self, call: ModelCall, span: SpanContext) -> None:
        """Note the call of a candidate."""
        if call.candidate_index is None:
            return
        made = call.result if isinstance(call.result, GenerationResult) else None
        self.calls[call.candidate_index] = AnsweredCall(
            span,
            response_id(call),
            None if made is None else made.candidate_id,
            None if made is None else made.final_output,
        )

    def call_of(self, candidate: int | None) -> AnsweredCall | None:
        """Return the call that an answer came from; None for one that was generated before this run.

        The answer that candidates were reduced to comes from the first source with its output, else the first source.
        """
        if candidate is not None:
            return self.calls.get(candidate)
        kept = sorted(self.calls) if self.kept is None else self.kept
        found = [self.calls[index] for index in kept if index in self.calls]
        reduced = self.reduced
        if reduced is not None:
            sources = [call for call in found if call.candidate_id in reduced.source_candidate_ids] or found
            found = [call for call in sources if call.output == reduced.final_output] or sources
        return found[0] if found else None
