"""The watcher of a run: its spans, its calls and its scores, by what the engine tells observers."""

from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context

from themis.core.engine.tracing.opening import TracedRun
from themis.core.events import (
    CaseEvent,
    CaseFailedEvent,
    EvaluationFailedEvent,
    ReductionCompletedEvent,
    RunCompletedEvent,
    RunFailedEvent,
    RunStartedEvent,
    ScoreFailedEvent,
    SelectionCompletedEvent,
)
from themis.core.observations import CaseScore, ModelCall, ObservedCase
from themis.core.text import masking
from themis.telemetry.calls import CallRecorder, clean
from themis.telemetry.cases import OpenCase
from themis.telemetry.conventions import CASE, CASE_ID, DATASET_ID, RUN, RUN_ID, RUN_STATUS
from themis.telemetry.messages import Content
from themis.telemetry.providers import Providers, open_providers
from themis.telemetry.scores import ScoreRecorder

_STATUS_OF_FAILURE = "failed"


def open_watcher(run: TracedRun) -> "Watcher":
    """Return the watcher of a run that is about to begin; what it sees goes where the environment says.

    Raises:
        ConfigError: the environment names an exporter that is not installed, or a value that cannot be.
    """
    return Watcher(run, open_providers())


class Watcher:
    """Subscriber that sends what it is told of one run."""

    def __init__(self, run: TracedRun, providers: Providers) -> None:
        """Watch `run`, and send it by `providers`."""
        content = Content(wanted=run.content)
        self._run = run
        self._providers = providers
        self._tracer: Tracer = providers.tracer
        self._calls = CallRecorder(providers.tracer, providers.meter, providers.logger, content)
        self._scores = ScoreRecorder(providers.logger, content)
        self._span: Span | None = None
        self._cases: dict[str, OpenCase] = {}

    def on_event(self, event: Any) -> None:
        """Begin and end the span of the run, and note what decides the spans that scores are linked to."""
        if isinstance(event, RunStartedEvent):
            self._span = self._tracer.start_span(RUN, attributes={RUN_ID: event.run_id})
        elif isinstance(event, RunCompletedEvent):
            self._end_run(event.status, None)
        elif isinstance(event, RunFailedEvent):
            self._end_run(_STATUS_OF_FAILURE, event.error_message)
        elif isinstance(event, CaseEvent):
            self._note(event)

    def on_case_started(self, case: ObservedCase) -> None:
        """Begin the span of a case."""
        said = clean({RUN_ID: case.run_id, CASE_ID: case.case.case_id, DATASET_ID: case.dataset_id})
        self._case(case.case_key).span = self._tracer.start_span(CASE, context=self._within_run(), attributes=said)

    def on_case_ended(self, case: ObservedCase, failed: bool) -> None:  # noqa: FBT001  # as observers are told
        """End the span of a case; metrics that it did not reach are unscored, for the reason that ended it."""
        ended = self._cases.pop(case.case_key, None)
        if ended is None:
            return
        if ended.failure is not None:
            category, reason = ended.failure
            for metric_id in self._run.metric_ids:
                if metric_id not in ended.told:
                    told = CaseScore(
                        of=case, metric_id=metric_id, candidate_index=None, category=category, reason=reason
                    )
                    self._record(ended, told)
        if ended.span is not None:
            if failed:
                ended.span.set_status(Status(StatusCode.ERROR, None if ended.failure is None else ended.failure[1]))
            ended.span.end()

    def on_call(self, call: ModelCall) -> None:
        """Make the span of a call, and measure it."""
        case = self._case(call.of.case_key)
        span = self._calls.record(call, self._within(case))
        if not call.is_judge:
            case.note_call(call, span)

    def on_score(self, told: CaseScore) -> None:
        """Make the event of a score."""
        case = self._case(told.of.case_key)
        if told.candidate_index is None:
            case.told.add(told.metric_id)
        self._record(case, told)

    async def close(self) -> None:
        """End what is still open, as of a run that was interrupted, and send the rest within a few seconds."""
        for case in self._cases.values():
            if case.span is not None:
                case.span.end()
        self._cases.clear()
        if self._span is not None:
            self._span.end()
            self._span = None
        await self._providers.close()

    def _record(self, case: OpenCase, told: CaseScore) -> None:
        call = case.call_of(told.candidate_index)
        if call is None:
            self._scores.record(told, self._within(case), None)
        else:
            self._scores.record(told, call.context, call.response_id)

    def _end_run(self, status: str, error: str | None) -> None:
        if self._span is not None:
            self._span.set_attribute(RUN_STATUS, status)
            if error is not None or status == _STATUS_OF_FAILURE:
                self._span.set_status(Status(StatusCode.ERROR, None if error is None else masking.mask(error)))
            self._span.end()
            self._span = None

    def _note(self, event: CaseEvent) -> None:
        case = self._cases.get(event.case_key)
        if case is None:
            return
        if isinstance(event, CaseFailedEvent) and not isinstance(event, ScoreFailedEvent | EvaluationFailedEvent):
            case.failure = case.failure or (event.category, masking.mask(event.error_message))
        elif isinstance(event, SelectionCompletedEvent):
            case.kept = event.result
        elif isinstance(event, ReductionCompletedEvent):
            case.reduced = event.result

    def _case(self, case_key: str) -> OpenCase:
        return self._cases.setdefault(case_key, OpenCase())

    def _within_run(self) -> Context | None:
        return None if self._span is None else set_span_in_context(self._span)

    def _within(self, case: OpenCase) -> Context | None:
        return self._within_run() if case.span is None else set_span_in_context(case.span)
