"""Subscribers and tracers of judged runs, and the other ways to name a judge."""

from typing import Any

import pytest

from tests.support.judging_lab import ScriptedJudge, ScriptedJudged, judged_experiment
from tests.support.lab import ScriptedGenerator, ScriptedMetric, dataset
from themis.core.errors import StoreBusyError
from themis.core.evaluate import evaluate
from themis.core.events import EvaluationCompletedEvent, EvaluationFailedEvent, EvaluationStartedEvent
from themis.core.stores import InMemoryRunStore


class Subscriber:
    """Writes down what it is told of judging."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.told: list[Any] = []
        self.events: list[Any] = []

    def before_judge(self, subject: Any, ctx: Any) -> None:
        """Note the subject."""
        self.told.append(("before", subject.kind, ctx.case.case_id, bool(ctx.judge_model_refs)))

    def after_judge(self, execution: Any, ctx: Any) -> None:
        """Note the execution."""
        self.told.append(("after", execution.status, ctx.case.case_id))

    def on_event(self, event: Any) -> None:
        """Note the events of evaluations."""
        if event.event_type.startswith("evaluation"):
            self.events.append(event)


class Tracer:
    """Writes down the spans."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.spans: list[Any] = []

    def start_span(self, name: str, attributes: dict[str, Any]) -> Any:
        """Return the span."""
        return name, attributes.get("metric_id")

    def end_span(self, span: Any, status: str) -> None:
        """Note the span."""
        self.spans.append((*span, status))


@pytest.mark.parametrize("fails", [False, True])
def test_observers_are_told_of_each_judgment(fails: bool) -> None:
    subscriber, tracer = Subscriber(), Tracer()
    judge = ScriptedJudge(lambda _: ValueError("away") if fails else "1")
    experiment = judged_experiment([judge], [ScriptedMetric(), ScriptedJudged()], datasets=[dataset(1)])
    result = experiment.run(subscribers=[subscriber], tracing_provider=tracer)
    assert [scored.metric_id for scored in result.cases[0].scores] == ["lab/metric", "lab/judged"]
    before = ("before", "candidate_set", "q0", True)
    assert subscriber.told == [before] if fails else [before, ("after", "completed", "q0")]
    last = EvaluationFailedEvent if fails else EvaluationCompletedEvent
    assert [type(event) for event in subscriber.events] == [EvaluationStartedEvent, last]
    assert {event.metric_id for event in subscriber.events} == {"lab/judged"}
    if fails:
        assert (subscriber.events[1].category, subscriber.events[1].error_message) == ("evaluation_failure", "away")
    judged = [span for span in tracer.spans if span[0] == "judge"]
    assert judged == [("judge", "lab/judged", "error" if fails else "ok")]


def test_evaluate_takes_a_judge() -> None:
    result = evaluate(model=ScriptedGenerator(), data=dataset(2), metric=ScriptedJudged(), judge=ScriptedJudge())
    assert (result.completed_through_stage, result.metrics["lab/judged"].mean) == ("judge", 1.0)


def test_a_store_that_cannot_be_read_is_no_failure_of_a_judge() -> None:
    class Busy(InMemoryRunStore):
        def cached_response(self, cache_key: str) -> str | None:
            raise StoreBusyError(path="s", seconds=1)

    store = Busy()
    experiment = judged_experiment()
    with pytest.raises(StoreBusyError):
        experiment.run(store=store)
    assert store.count_ends(experiment.compile().run_id) == (0, 0)
