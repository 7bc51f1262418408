"""Subscribers and tracing: told everything, in order, and unable to hurt a run."""

import asyncio
import logging
from typing import Any

import pytest

from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    ScriptedSelector,
    dataset,
    experiment,
)
from themis.core import events
from themis.core.contexts import GenerateContext, ParseContext, ReduceContext, ScoreContext
from themis.core.models import Case, GenerationResult, ParsedOutput, ReducedCandidate, Score
from themis.core.outcomes.stages import Stage
from themis.core.stores import InMemoryRunStore

ONE_CASE = [dataset(1)]


def whole(**facts: Any) -> Any:
    """An experiment with a component for every stage."""
    return experiment(
        facts.pop("generator", ScriptedGenerator()),
        selector=ScriptedSelector(lambda candidates: candidates, component_id="lab/selector"),
        reducer=ScriptedReducer(lambda candidates: candidates[0].final_output, component_id="lab/reducer"),
        parser=facts.pop("parser", ScriptedParser(lambda output: output, component_id="lab/parser")),
        metrics=facts.pop("metrics", [ScriptedMetric()]),
        datasets=ONE_CASE,
        **facts,
    )


class Listener:
    """Notes every hook."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any, Any]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("before_", "after_")):
            return lambda subject, context: self.heard.append((name, subject, context))
        raise AttributeError(name)


class AsyncListener:
    """Notes two hooks, in its own time."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def before_generate(self, case: Case, ctx: GenerateContext) -> None:
        await asyncio.sleep(0)
        self.heard.append(f"before {case.case_id}")

    async def after_generate(self, result: GenerationResult, ctx: GenerateContext) -> None:
        await asyncio.sleep(0)
        self.heard.append(f"after {result.final_output}")


class EventListener:
    """Notes every event."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def on_event(self, event: events.RunEvent) -> None:
        self.heard.append(event)


class Tracer:
    """Notes every span."""

    def __init__(self) -> None:
        self.started: list[tuple[str, dict[str, Any]]] = []
        self.ended: list[tuple[str, str]] = []

    def start_span(self, name: str, attributes: dict[str, Any]) -> str:
        self.started.append((name, attributes))
        return name

    def end_span(self, span: str, status: str) -> None:
        self.ended.append((span, status))


def test_hooks_are_called_in_the_order_of_the_stages_with_subject_and_context() -> None:
    listener = Listener()
    result = whole().run(subscribers=[listener])
    assert [name for name, _, _ in listener.heard] == [
        "before_generate",
        "after_generate",
        "before_reduce",
        "after_reduce",
        "before_parse",
        "after_parse",
        "before_score",
        "after_score",
    ]
    subjects = [Case, GenerationResult, list, ReducedCandidate, ReducedCandidate, ParsedOutput, ParsedOutput, Score]
    assert [type(subject) for _, subject, _ in listener.heard] == subjects
    contexts = [GenerateContext] * 2 + [ReduceContext] * 2 + [ParseContext] * 2 + [ScoreContext] * 2
    assert [type(context) for _, _, context in listener.heard] == contexts
    assert {context.run_id for _, _, context in listener.heard} == {result.run_id}
    assert {context.case_key for _, _, context in listener.heard} == {"3:lab:q0"}


def test_each_candidate_and_each_metric_has_hooks_of_its_own() -> None:
    listener = Listener()
    metrics = [ScriptedMetric(component_id=f"lab/{name}") for name in "ab"]
    whole(samples=3, metrics=metrics).run(subscribers=[listener])
    names = [name for name, _, _ in listener.heard]
    assert names.count("before_generate") == names.count("after_generate") == 3
    assert names.count("before_score") == names.count("after_score") == 2
    assert names.count("before_reduce") == 1


def test_hooks_may_be_asynchronous() -> None:
    listener = AsyncListener()
    whole().run(subscribers=[listener])
    assert listener.heard == ["before q0", "after a0"]


def test_a_stage_that_fails_has_no_after_hook() -> None:
    listener = Listener()
    parser = ScriptedParser(lambda output: ValueError("unreadable"), component_id="lab/parser")
    whole(parser=parser).run(subscribers=[listener])
    assert [name for name, _, _ in listener.heard][-1] == "before_parse"


def test_events_tell_the_whole_run() -> None:
    listener = EventListener()
    result = whole().run(subscribers=[listener])
    types = [event.event_type for event in listener.heard]
    stages = ["generation", "selection", "reduction", "parse", "score"]
    told = [f"{stage}_{what}" for stage in stages for what in ("started", "completed")]
    assert types == ["run_started", *told, "run_completed"]
    assert {event.run_id for event in listener.heard} == {result.run_id}
    times = [event.occurred_at for event in listener.heard]
    assert times == sorted(times)
    assert all(time.tzinfo is not None for time in times)
    generation = listener.heard[1]
    assert isinstance(generation, events.GenerationStartedEvent)
    assert (generation.case_id, generation.dataset_id, generation.case_key) == ("q0", "lab", "3:lab:q0")
    assert generation.candidate_index == 0
    assert [e.metric_id for e in listener.heard if isinstance(e, events.ScoreCompletedEvent)] == ["lab/metric"]
    assert listener.heard[-1].status == "completed"


@pytest.mark.parametrize(
    ("stage", "category"),
    [
        (Stage.GENERATE, "generation_failure"),
        (Stage.PARSE, "parse_failure"),
        (Stage.SCORE, "score_failure"),
    ],
)
def test_a_failure_is_an_event_with_its_category_and_message(stage: Stage, category: str) -> None:
    error = ValueError("no")
    parts: dict[Stage, dict[str, Any]] = {
        Stage.GENERATE: {"generator": ScriptedGenerator(lambda case, ctx: error)},
        Stage.PARSE: {"parser": ScriptedParser(lambda output: error, component_id="lab/parser")},
        Stage.SCORE: {"metrics": [ScriptedMetric(lambda value, case: error)]},
    }
    listener = EventListener()
    whole(**parts[stage]).run(subscribers=[listener])
    failed = [event for event in listener.heard if isinstance(event, events.CaseFailedEvent)]
    assert [(type(event), event.category, event.error_message) for event in failed] == [
        (events.FAILED[stage], category, "no")
    ]
    # A run is not a failure whose cases have answers, though no metric scored them.
    assert listener.heard[-1].status == ("partial_failure" if stage is Stage.SCORE else "failed")


def test_every_event_class_has_a_type_and_stands_for_its_stage() -> None:
    for classes, what in ((events.STARTED, "Started"), (events.COMPLETED, "Completed"), (events.FAILED, "Failed")):
        for kind in classes.values():
            assert kind.__name__.endswith(f"{what}Event")
            assert kind.event_type.endswith(what.lower())
        assert set(classes) == set(Stage)


def test_every_stage_has_a_span_within_the_runs() -> None:
    tracer = Tracer()
    result = whole().run(tracing_provider=tracer)
    assert [name for name, _ in tracer.started] == ["run", "generation", "selection", "reduction", "parse", "score"]
    assert tracer.ended == [(name, "ok") for name in ("generation", "selection", "reduction", "parse", "score", "run")]
    assert {attributes["run_id"] for _, attributes in tracer.started} == {result.run_id}
    assert tracer.started[1][1]["case_id"] == "q0"
    assert tracer.started[-1][1]["metric_id"] == "lab/metric"


def test_the_span_of_what_failed_ends_in_error() -> None:
    tracer = Tracer()
    whole(metrics=[ScriptedMetric(lambda value, case: ValueError("no"))]).run(tracing_provider=tracer)
    assert tracer.ended[-2:] == [("score", "error"), ("run", "ok")]


def test_a_run_that_fails_as_a_whole_ends_its_span_and_its_events_in_error() -> None:
    class Broken(InMemoryRunStore):
        def has_outcomes(self, run_id: str) -> bool:
            raise ZeroDivisionError

    tracer, listener = Tracer(), EventListener()
    with pytest.raises(ZeroDivisionError):
        whole().run(store=Broken(), tracing_provider=tracer, subscribers=[listener])
    assert tracer.ended == [("run", "error")]
    assert isinstance(listener.heard[-1], events.RunFailedEvent)


def test_a_span_that_did_not_start_is_not_ended() -> None:
    class Starting(Tracer):
        def start_span(self, name: str, attributes: dict[str, Any]) -> str:
            if name == "parse":
                raise ValueError(name)
            return super().start_span(name, attributes)

    tracer = Starting()
    whole().run(tracing_provider=tracer)
    assert tracer.ended == [(name, "ok") for name in ("generation", "selection", "reduction", "score", "run")]


class Raising:
    """Raises from everything."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("before_", "after_", "on_", "start_", "end_")):
            return self.fail
        raise AttributeError(name)

    def fail(self, *_: Any) -> None:
        msg = "broken"
        raise self.kind(msg)


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt, BaseException, asyncio.CancelledError])
def test_a_subscriber_or_tracer_that_raises_never_hurts_the_run(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    healthy = Listener()
    with caplog.at_level(logging.WARNING, "themis.observers"):
        result = experiment(datasets=[dataset(20)]).run(
            subscribers=[Raising(kind), healthy], tracing_provider=Raising(kind)
        )
    assert result.status == "completed"
    assert result.progress.completed_cases == 20
    assert len([name for name, _, _ in healthy.heard if name == "after_score"]) == 20
    messages = [record.getMessage() for record in caplog.records]
    assert f"Raising.before_generate raised {kind.__name__}: broken" in messages
    assert len(messages) == len(set(messages)), "an error that comes with every case is logged once"


def test_a_subscriber_hears_of_what_is_run_not_of_what_was_stored() -> None:
    store, listener = InMemoryRunStore(), EventListener()
    lab = whole()
    lab.run(until_stage="reduce", store=store)
    lab.run(store=store, subscribers=[listener])
    assert [event.event_type for event in listener.heard] == [
        "run_started",
        "parse_started",
        "parse_completed",
        "score_started",
        "score_completed",
        "run_completed",
    ]


def test_a_subscriber_hears_of_the_metric_that_is_run_beside_one_that_was_stored() -> None:
    store, listener = InMemoryRunStore(), Listener()
    whole().run(store=store)
    lab = whole(metrics=[ScriptedMetric(), ScriptedMetric(component_id="lab/other")])
    result = lab.run(store=store, subscribers=[listener])
    assert [subject.metric_id for name, subject, _ in listener.heard if name == "after_score"] == ["lab/other"]
    assert [score.metric_id for score in result.cases[0].scores] == ["lab/metric", "lab/other"]


def test_a_run_that_is_complete_tells_nobody_anything() -> None:
    store, listener = InMemoryRunStore(), EventListener()
    lab = whole()
    lab.run(store=store)
    lab.run(store=store, subscribers=[listener])
    assert listener.heard == []


def test_the_score_of_a_case_without_an_answer_names_its_metric() -> None:
    listener = Listener()
    parser = ScriptedParser(lambda output: None, component_id="lab/parser")
    lab = experiment(ScriptedGenerator(), parser=parser, metrics=[ScriptedMetric()])
    lab.run(subscribers=[listener])
    scores = [subject for name, subject, _ in listener.heard if name == "after_score"]
    assert [(score.metric_id, score.value) for score in scores] == [("lab/metric", 0.0)] * 3
