"""Watchers of a whole run: its cases, the calls of its models with their tries, and what each metric gave."""

import logging
from typing import Any

import pytest

from tests.support.batch_lab import lab_of
from tests.support.batch_provider import Remote
from tests.support.judging_lab import ScriptedJudge, ScriptedJudged, judged_experiment
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
from themis.core.config import RuntimeConfig
from themis.core.judging.generator_as_judge import GeneratorAsJudge
from themis.core.models import GenerationResult, ScoreError
from themis.core.observations import CaseScore, ModelCall, ObservedCase
from themis.core.stores import InMemoryRunStore
from themis.core.text import masking


class Watcher:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def on_case_started(self, case: ObservedCase) -> None:
        self.told.append(("started", case.case.case_id))

    def on_case_ended(self, case: ObservedCase, failed: bool) -> None:
        self.told.append(("ended", (case.case.case_id, failed)))

    def on_call(self, call: ModelCall) -> None:
        self.told.append(("call", call))

    def on_score(self, told: CaseScore) -> None:
        self.told.append(("score", told))

    def of(self, kind: str) -> list[Any]:
        return [what for told, what in self.told if told == kind]


class Events:
    """Keeps the events."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def on_event(self, event: events.RunEvent) -> None:
        self.heard.append(event)

    def first(self, kind: type[Any]) -> Any:
        return next(event for event in self.heard if isinstance(event, kind))


def test_a_case_begins_before_its_call_and_ends_after_its_score() -> None:
    watcher = Watcher()
    experiment(ScriptedGenerator(), metrics=[ScriptedMetric()], datasets=[dataset(1)]).run(subscribers=[watcher])
    assert [kind for kind, _ in watcher.told] == ["started", "call", "score", "ended"]
    assert watcher.of("ended") == [("q0", False)]


def test_each_case_ends_once_and_says_whether_it_failed() -> None:
    watcher = Watcher()
    generator = ScriptedGenerator(lambda case, ctx: ValueError("no") if case.case_id == "q1" else "x")
    experiment(generator, metrics=[ScriptedMetric()]).run(subscribers=[watcher])
    assert sorted(watcher.of("started")) == ["q0", "q1", "q2"]
    assert sorted(watcher.of("ended")) == [("q0", False), ("q1", True), ("q2", False)]


def test_a_call_has_all_of_its_tries_and_the_time_of_each() -> None:
    tries = iter([TimeoutError("slow"), TimeoutError("slower"), "at last"])
    watcher = Watcher()
    runtime = RuntimeConfig(generation_retry_delay=0.001)
    lab = experiment(ScriptedGenerator(lambda case, ctx: next(tries)), datasets=[dataset(1)], runtime=runtime)
    lab.run(subscribers=[watcher])
    (call,) = watcher.of("call")
    assert [type(one.error) for one in call.tries] == [TimeoutError, TimeoutError, type(None)]
    times = [time for one in call.tries for time in (one.began_at, one.ended_at)]
    assert times == sorted(times)
    assert call.result.final_output == call.generation.final_output == "at last"
    assert (call.error, call.is_judge, call.is_batched, call.candidate_index) == (None, False, False, 0)
    assert call.of.case.case_id == call.asked.case_id == "q0"


def test_a_call_that_failed_for_good_is_told_with_its_error() -> None:
    watcher = Watcher()
    generator = ScriptedGenerator(lambda case, ctx: ValueError("never"))
    experiment(generator, datasets=[dataset(1)]).run(subscribers=[watcher])
    (call,) = watcher.of("call")
    assert (str(call.error), call.result, len(call.tries)) == ("never", None, 1)


def test_each_candidate_is_a_call_and_only_a_given_seed_is_its() -> None:
    for seeds, told in (([], [None, None]), ([5, 6], [5, 6])):
        watcher = Watcher()
        experiment(ScriptedGenerator(), samples=2, seeds=seeds, datasets=[dataset(1)]).run(subscribers=[watcher])
        calls = sorted(watcher.of("call"), key=lambda call: call.candidate_index)
        assert [(call.candidate_index, call.seed) for call in calls] == list(enumerate(told))


def test_a_judges_call_names_its_metric_and_has_what_the_generator_behind_it_answered() -> None:
    watcher = Watcher()
    answer = GenerationResult(candidate_id="c", final_output="1", finish_reason="stop", served_model="m-1")
    judge = GeneratorAsJudge(ScriptedGenerator(lambda case, ctx: answer, component_id="lab/judge"))
    judged_experiment([judge], datasets=[dataset(1)]).run(subscribers=[watcher])
    (call,) = [call for call in watcher.of("call") if call.is_judge]
    assert (call.metric_id, call.call_id, call.candidate_index) == ("lab/judged", "call-0", None)
    assert call.generation == answer
    assert call.result.raw_response == "1"
    assert call.asked.content == "q0: a0"


def test_a_response_that_was_stored_is_no_call() -> None:
    store, judge = InMemoryRunStore(), ScriptedJudge()
    judged_experiment([judge]).run(store=store)
    watcher = Watcher()
    judged_experiment([judge], [ScriptedJudged(fingerprint="two")]).run(store=store, subscribers=[watcher])
    assert watcher.of("score")
    assert watcher.of("call") == []


def test_an_answer_of_a_batch_is_a_call_without_tries() -> None:
    watcher = Watcher()
    lab_of(Remote()).run(store=InMemoryRunStore(), subscribers=[watcher])
    calls = watcher.of("call")
    assert [(call.is_batched, call.tries, call.generation is not None) for call in calls] == [(True, [], True)] * 3


@pytest.mark.parametrize(
    ("script", "category", "reason"),
    [
        (lambda value, case: ValueError("broken"), "score_failure", "broken"),
        (lambda value, case: ScoreError(metric_id="lab/metric", reason="cannot be"), "score_failure", "cannot be"),
    ],
)
def test_a_metric_that_gave_no_score_says_why(script: Any, category: str, reason: str) -> None:
    watcher = Watcher()
    lab = experiment(ScriptedGenerator(), metrics=[ScriptedMetric(script)], datasets=[dataset(1)])
    lab.run(subscribers=[watcher])
    (told,) = watcher.of("score")
    assert (told.metric_id, told.score, told.category, told.reason) == ("lab/metric", None, category, reason)


@pytest.mark.parametrize("judged", [False, True])
@pytest.mark.parametrize("rule", ["incorrect", "unscored"])
def test_an_answer_with_nothing_to_score_is_told_as_it_is_counted(rule: Any, judged: bool) -> None:
    watcher = Watcher()
    parser = ScriptedParser(lambda output: None, component_id="lab/parser")
    made = judged_experiment(
        [ScriptedJudge()], [ScriptedJudged() if judged else ScriptedMetric()], datasets=[dataset(1)]
    )
    changed = made.evaluation.model_copy(update={"parsers": [parser], "on_no_answer": rule})
    made.model_copy(update={"evaluation": changed}).run(subscribers=[watcher])
    (told,) = watcher.of("score")
    if rule == "incorrect":
        assert told.score.value == 0.0
    else:
        assert (told.score, told.category) == (None, "no_answer")
        assert "no_answer" in told.reason


def test_an_answer_that_is_left_out_is_told_without_a_score() -> None:
    watcher = Watcher()
    answer = GenerationResult(candidate_id="c", final_output="half", finish_reason="length")
    made = judged_experiment(
        [ScriptedJudge()],
        [ScriptedMetric(), ScriptedJudged()],
        datasets=[dataset(1)],
        generator=ScriptedGenerator(lambda case, ctx: answer),
    )
    changed = made.evaluation.model_copy(update={"on_stop": {"truncated": "unscored"}})
    made.model_copy(update={"evaluation": changed}).run(subscribers=[watcher])
    told = watcher.of("score")
    assert [(one.metric_id, one.score, one.category) for one in told] == [
        ("lab/metric", None, "truncated"),
        ("lab/judged", None, "truncated"),
    ]


def test_a_judged_score_has_its_execution() -> None:
    watcher = Watcher()
    judged_experiment([ScriptedJudge()], datasets=[dataset(1)]).run(subscribers=[watcher])
    (told,) = [told for told in watcher.of("score") if told.metric_id == "lab/judged"]
    assert (told.score.value, told.execution.status) == (1.0, "completed")


def test_each_candidate_that_is_scored_is_told() -> None:
    watcher = Watcher()
    lab = experiment(
        ScriptedGenerator(), samples=2, metrics=[ScriptedMetric()], score_candidates="each", datasets=[dataset(1)]
    )
    lab.run(subscribers=[watcher])
    assert {told.candidate_index for told in watcher.of("score")} == {None, 0, 1}
    assert watcher.of("ended") == [("q0", False)]


def test_a_watcher_that_raises_is_complained_of_once_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Watcher):
        def on_call(self, call: ModelCall) -> None:
            raise KeyError(call.of.case_key)

    healthy = Watcher()
    with caplog.at_level(logging.WARNING, "themis.observers"):
        result = experiment(ScriptedGenerator()).run(subscribers=[Broken(), healthy])
    assert result.status == "completed"
    assert len(healthy.of("call")) == 3
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["Broken.on_call raised KeyError"]


def test_events_carry_the_result_of_each_stage() -> None:
    heard = Events()
    lab = experiment(
        ScriptedGenerator(),
        selector=ScriptedSelector(lambda candidates: candidates, component_id="lab/selector"),
        reducer=ScriptedReducer(lambda candidates: candidates[0].final_output, component_id="lab/reducer"),
        parser=ScriptedParser(lambda output: f"<{output}>", component_id="lab/parser"),
        metrics=[ScriptedMetric(lambda value, case: 0.5)],
        seeds=[3],
        datasets=[dataset(1)],
    )
    lab.run(subscribers=[heard])
    generated = heard.first(events.GenerationCompletedEvent)
    assert (generated.candidate_id, generated.result.final_output) == ("q0-3", "a0")
    assert heard.first(events.SelectionCompletedEvent).result == [0]
    reduced = heard.first(events.ReductionCompletedEvent)
    assert (reduced.candidate_id, reduced.result.source_candidate_ids) == ("q0-reduced", ["q0-3"])
    parsed = heard.first(events.ParseCompletedEvent)
    assert (parsed.candidate_id, parsed.result.value) == ("q0-reduced", "<a0>")
    assert heard.first(events.ParseStartedEvent).candidate_id == "q0-reduced"
    assert heard.first(events.ScoreCompletedEvent).score.value == 0.5


def test_the_event_of_a_failure_carries_what_the_store_keeps_of_it() -> None:
    heard = Events()
    parser = ScriptedParser(lambda output: ValueError("unreadable"), component_id="lab/parser")
    experiment(ScriptedGenerator(), parser=parser, datasets=[dataset(1)]).run(subscribers=[heard])
    error = heard.first(events.ParseFailedEvent).error
    assert (error.stage, error.category, error.message, error.error_type) == (
        "parse",
        "parse_failure",
        "unreadable",
        "ValueError",
    )


def test_the_event_of_a_judged_metric_carries_execution_and_score() -> None:
    heard = Events()
    judged_experiment([ScriptedJudge()], datasets=[dataset(1)]).run(subscribers=[heard])
    event = heard.first(events.EvaluationCompletedEvent)
    assert (event.result.status, event.score.metric_id, event.score.value) == ("completed", "lab/judged", 1.0)


def test_a_secret_in_a_result_is_masked_in_its_event() -> None:
    secret = "sk-test-4Qz81LmXw07RbT52uKfYc9Vd"  # noqa: S105  # made up
    masking.register("MODEL_KEY", secret, is_key=True)
    heard = Events()
    lab = experiment(ScriptedGenerator(lambda case, ctx: f"your key is {secret}"), datasets=[dataset(1)])
    lab.run(subscribers=[heard])
    assert heard.first(events.GenerationCompletedEvent).result.final_output == "your key is [secret MODEL_KEY]"
    assert secret not in repr(heard.heard)
