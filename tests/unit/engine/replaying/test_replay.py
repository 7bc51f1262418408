"""A stored run is done again from one of its stages on, without a call of its generator."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    ScriptedSelector,
    cases,
    experiment,
    scores_of,
)
from tests.support.stores import EACH_STORE, STORES
from themis.core.components import resolution, source_code
from themis.core.components.source_code import Sources
from themis.core.config import RuntimeConfig
from themis.core.errors import InvalidArgumentError, NothingToReplayError, RunBusyError, UnknownRunError
from themis.core.experiment import Experiment
from themis.core.identity.reuse_keys import is_plain
from themis.core.models import Dataset, Score
from themis.core.outcomes.stages import Stage
from themis.core.processes.interruption import Interruption
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore, RunStore, run_locks, sqlite_store


@pytest.fixture(params=EACH_STORE)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    with closing(STORES[request.param](tmp_path)) as made:
        yield made


class Desk:
    """An experiment with every stage, whose components a test can change."""

    def __init__(self, store: RunStore, count: int = 4, **facts: Any) -> None:
        self.store = store
        self.generator = ScriptedGenerator(lambda case, ctx: f"{case.input} {ctx.seed}")
        self.selector = ScriptedSelector(lambda found: found[:2], component_id="lab/selector")
        self.reducer = ScriptedReducer(lambda found: found[0].final_output, component_id="lab/reducer")
        self.parser = ScriptedParser(lambda output: str(output).split()[0], component_id="lab/parser")
        self.metric = ScriptedMetric(lambda value, case: float(value == case.expected_output))
        self.other = ScriptedMetric(component_id="lab/other")
        self.experiment = experiment(
            self.generator,
            samples=3,
            selector=self.selector,
            reducer=self.reducer,
            parser=self.parser,
            metrics=[self.metric, self.other],
            datasets=[Dataset(dataset_id="lab", cases=cases(count))],
            **facts,
        )

    def run(self, **facts: Any) -> RunResult:
        return self.experiment.run(store=self.store, **facts)

    def replay(self, *arguments: Any, **facts: Any) -> RunResult:
        return self.experiment.replay(*arguments, store=self.store, **facts)

    @property
    def calls(self) -> list[int]:
        """How often each component was called since this was last asked, by stage."""
        found = []
        for component in (self.generator, self.selector, self.reducer, self.parser, self.metric, self.other):
            found.append(len(component.calls))
            component.calls.clear()
        return found


@pytest.fixture
def desk(store: RunStore) -> Desk:
    """A run of four cases that is complete."""
    made = Desk(store)
    made.run()
    assert made.calls == [12, 4, 4, 4, 4, 4]
    return made


@pytest.mark.parametrize(
    ("stage", "calls"),
    [("reduce", [0, 4, 4, 4, 4, 4]), ("parse", [0, 0, 0, 4, 4, 4]), ("score", [0, 0, 0, 0, 4, 4])],
)
def test_a_replay_calls_what_it_begins_with_and_what_follows_and_nothing_else(
    desk: Desk, stage: str, calls: list[int]
) -> None:
    before = desk.run()
    result = desk.replay(stage)
    assert desk.calls == calls
    assert (result.status, result.completed_through_stage, len(result.cases)) == ("completed", "score", 4)
    assert [case.scores for case in result.cases] == [case.scores for case in before.cases]


def test_new_results_take_the_place_of_the_old_ones_downstream(desk: Desk) -> None:
    desk.parser.script = lambda output: "another"
    result = desk.replay("parse")
    assert [case.parsed_output.value for case in result.cases if case.parsed_output] == ["another"] * 4
    assert [scores_of(case) for case in result.cases] == [[0.0, 1.0]] * 4
    assert result.metrics["lab/metric"].mean == 0.0
    assert [len(case.generated_candidates) for case in result.cases] == [3] * 4
    again = desk.run()
    assert again == result
    assert desk.calls == [0, 0, 0, 4, 4, 4], "the run is complete as it was"


def test_a_failure_becomes_a_score_and_a_score_becomes_a_failure(desk: Desk) -> None:
    desk.metric.script = lambda value, case: KeyError("broken") if case.case_id == "q1" else 0.25
    result = desk.replay("score")
    assert result.status == "partial_failure"
    assert [scores_of(case) for case in result.cases] == [[0.25, 1.0], [1.0], [0.25, 1.0], [0.25, 1.0]]
    desk.metric.script = lambda value, case: 0.5
    result = desk.replay("score")
    assert (result.status, result.metrics["lab/metric"].mean) == ("completed", 0.5)


def test_what_fails_in_every_case_is_stored_as_it_came_out(desk: Desk) -> None:
    desk.parser.script = lambda output: ValueError("no")
    result = desk.replay("parse")
    assert (result.status, result.progress.failed_cases) == ("failed", 4)
    assert result.cases[0].scores == []
    desk.parser.script = lambda output: str(output).split()[0]
    assert desk.replay("parse").status == "completed"


def test_named_metrics_are_scored_again_and_the_others_keep_their_scores_and_failures(desk: Desk) -> None:
    desk.other.script = lambda value, case: ValueError("no") if case.case_id == "q2" else 1.0
    desk.replay("score")
    assert desk.calls[4:] == [4, 4]
    desk.metric.script = lambda value, case: 0.5
    result = desk.replay("score", ["lab/metric"])
    assert desk.calls == [0, 0, 0, 0, 4, 0]
    assert [scores_of(case) for case in result.cases] == [[0.5, 1.0], [0.5, 1.0], [0.5], [0.5, 1.0]]
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 1)


def test_a_case_whose_answer_could_not_be_parsed_stays_so_when_only_its_scores_are_replayed(desk: Desk) -> None:
    desk.parser.script = lambda output: ValueError("no") if str(output).startswith("a1") else output
    desk.replay("parse")
    assert desk.calls[3:] == [4, 3, 3]
    result = desk.replay("score")
    assert desk.calls == [0, 0, 0, 0, 3, 3]
    assert result.status == "partial_failure"
    assert result.cases[1].parse_error is not None
    assert result.cases[1].scores == []


def test_a_generation_that_failed_is_never_tried_again(store: RunStore) -> None:
    desk = Desk(store)
    desk.generator.script = lambda case, ctx: ValueError("no") if case.case_id == "q1" else case.input
    desk.run()
    assert desk.calls[0] == 12
    result = desk.replay("reduce")
    assert desk.calls == [0, 3, 3, 3, 3, 3]
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 1)


def test_a_run_that_was_only_generated_goes_through_the_later_stages(store: RunStore) -> None:
    desk = Desk(store)
    desk.run(until_stage="generate")
    assert desk.calls[0] == 12
    result = desk.replay("reduce")
    assert desk.calls == [0, 4, 4, 4, 4, 4]
    assert (result.status, result.completed_through_stage) == ("completed", "score")


def test_a_run_with_cases_that_were_not_generated_stays_unfinished(store: RunStore) -> None:
    desk = Desk(store)
    desk.generator.script = lambda case, ctx: Interruption() if case.case_id == "q2" else case.input
    with pytest.raises(Interruption):
        desk.run(runtime=RuntimeConfig(max_concurrent_tasks=1))
    generated = {outcome.case_no for outcome in store.outcomes_between(desk.experiment.compile().run_id, 0, 4)}
    assert generated == {0, 1}
    assert desk.calls
    result = desk.replay("parse")
    assert desk.calls == [0, 0, 0, 2, 2, 2]
    assert result.status == ("running" if type(store) is InMemoryRunStore else "failed"), "as an interrupted run is"
    assert (len(result.cases), result.progress.total_cases) == (2, 4)
    desk.generator.script = lambda case, ctx: case.input
    assert desk.run().status == "completed"
    assert desk.calls[0] == 6


def test_figures_over_a_run_follow_the_new_scores(store: RunStore) -> None:
    class Summed(ScriptedMetric):
        def aggregate(self, rows: list[Score]) -> dict[str, float]:
            return {"sum": sum(row.value for row in rows)}

    metric = Summed(lambda value, case: 1.0)
    made = experiment(metrics=[metric])
    made.run(store=store)
    metric.script = lambda value, case: 2.0
    result = made.replay("score", store=store)
    assert result.metrics["lab/metric"].aggregates["sum"].value == 6.0


# --- interruption ----------------------------------------------------------------------------------------------------


def _interrupt(desk: Desk, at: str) -> Callable[..., Any]:
    def script(value: Any, case: Any) -> Any:
        return Interruption() if case.case_id == at else 0.25

    return script


def test_a_replay_that_is_interrupted_changes_nothing_and_is_continued_where_it_was(store: RunStore) -> None:
    desk = Desk(store, count=40, runtime=RuntimeConfig(max_concurrent_tasks=1))
    before = desk.run().model_dump()
    assert desk.calls[0] == 120
    desk.metric.script = _interrupt(desk, "q30")
    with pytest.raises(Interruption):
        desk.replay("score")
    assert desk.calls[4] == 31
    assert desk.run().model_dump() == before, "the run is as it was"
    assert (
        desk.calls
        == [
            0,
        ]
        * 6
    )
    desk.metric.script = lambda value, case: 0.25
    result = desk.replay("score")
    assert desk.calls[4] < 40, "what was scored before the interruption is kept"
    assert result.metrics["lab/metric"].mean == 0.25
    assert (result.status, len(result.cases)) == ("completed", 40)
    desk.replay("score")
    assert desk.calls[4] == 40, "a replay that has ended begins anew"


def test_another_replay_than_the_one_that_was_interrupted_begins_anew(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(store, count=9, runtime=RuntimeConfig(max_concurrent_tasks=1))
    desk.run()
    desk.metric.script = _interrupt(desk, "q6")
    with pytest.raises(Interruption):
        desk.replay("score")
    desk.metric.script = lambda value, case: 0.5
    assert desk.calls
    monkeypatch.setattr(resolution, "sources_of", lambda *_: Sources("edited", {"lab.py": "edited"}))
    desk.experiment = desk.experiment.model_copy()
    result = desk.replay("score")
    assert desk.calls[4:] == [9, 9], "with other code none of its results are kept"
    assert result.metrics["lab/metric"].mean == 0.5


def test_a_run_that_starts_afresh_forgets_a_replay_that_was_interrupted(store: RunStore) -> None:
    desk = Desk(store, count=9, runtime=RuntimeConfig(max_concurrent_tasks=1))
    run_id = desk.run().run_id
    desk.metric.script = _interrupt(desk, "q6")
    with pytest.raises(Interruption):
        desk.replay("score")
    assert store.replayed_ends(run_id, 0, 9)
    desk.metric.script = lambda value, case: 1.0
    desk.run(runtime=RuntimeConfig(existing_run_policy="rerun"))
    desk.metric.script = _interrupt(desk, "q0")
    with pytest.raises(Interruption):
        desk.replay("score")
    assert store.replayed_ends(run_id, 0, 9) == []


# --- what a replayed run lends ---------------------------------------------------------------------------------------


def test_results_of_edited_code_are_taken_over_as_such_after_a_replay(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    generator, metric = ScriptedGenerator(), ScriptedMetric()

    def made(**facts: Any) -> Experiment:
        return experiment(generator, metrics=[metric], **facts)

    made().run(store=store)
    real = source_code.sources_of

    def edited(classes: Any, *others: Any) -> Sources | None:
        return Sources("edited", {"metric.py": "edited"}) if ScriptedMetric in classes else real(classes, *others)

    monkeypatch.setattr(resolution, "sources_of", edited)
    made().replay("score", store=store)
    generator.calls.clear()
    metric.calls.clear()
    with caplog.at_level("WARNING", "themis.engine"):
        made().run(store=store)
    assert caplog.messages == [], "the run's results are those of the code as it is"
    more = [*cases(3), *cases(1, first=3)]
    made(datasets=[Dataset(dataset_id="lab", cases=more)]).run(store=store)
    assert (len(generator.calls), metric.calls) == (1, ["q3"])


def test_a_replay_lends_nothing_that_was_made_of_what_another_code_made(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(store)
    desk.run(until_stage="generate")
    run_id = desk.experiment.compile().run_id
    real = source_code.sources_of

    def edited(classes: Any, *others: Any) -> Sources | None:
        return Sources("edited", {"model.py": "edited"}) if ScriptedGenerator in classes else real(classes, *others)

    monkeypatch.setattr(resolution, "sources_of", edited)
    desk.experiment = desk.experiment.model_copy()
    desk.run()
    assert all(map(is_plain, store.lent_keys(run_id))), "which of the generations each source made is not known"
    desk.replay("score")
    assert all(map(is_plain, store.lent_keys(run_id)))


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("generate",), r"^stage: a replay never generates; set runtime.existing_run_policy to .rerun. to ask"),
        (("scores",), r"^stage: no stage 'scores' .*reduce, parse, score, judge.*did you mean .score."),
        (("judge",), r"^stage: no metric of this run asks a judge; replay from score$"),
        (("score", ["lab/metrik"]), r"^metric_ids: no metric 'lab/metrik' in this run; did you mean .lab/metric."),
        (("score", ["xyz"]), r"^metric_ids: no metric 'xyz' in this run; known are lab/metric, lab/other$"),
        (("score", []), r"^metric_ids: names no metric; leave it out for all of them$"),
        (("parse", ["lab/metric"]), r"^metric_ids: from parse on, the input of every metric may change"),
    ],
)
def test_a_replay_that_makes_no_sense_is_refused_in_one_line(arguments: tuple[Any, ...], words: str) -> None:
    desk = Desk(InMemoryRunStore())
    desk.run()
    with pytest.raises(InvalidArgumentError, match=words):
        desk.replay(*arguments)


def test_a_run_that_is_not_there_or_has_no_generations_is_refused(store: RunStore, tmp_path: Path) -> None:
    desk = Desk(store)
    with pytest.raises(UnknownRunError):
        desk.replay("score")
    store.create_run(desk.experiment.compile())
    with pytest.raises(NothingToReplayError, match="no case has its generations yet"):
        desk.replay("score")
    with pytest.raises(InvalidArgumentError, match=r"^store: storage.store is memory"):
        desk.experiment.replay("score")
    with pytest.raises(UnknownRunError, match=r"there is no .*never\.sqlite3 yet"):
        experiment(path=tmp_path / "never.sqlite3").replay("score")


def test_a_run_without_metrics_has_no_scores_to_replay() -> None:
    made = experiment(metrics=[])
    store = InMemoryRunStore()
    made.run(store=store)
    with pytest.raises(InvalidArgumentError, match="this run has no metrics"):
        made.replay("score", store=store)
    assert made.replay("parse", store=store).status == "completed"


def test_a_run_and_its_replay_exclude_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_locks, "PATIENCE_S", 0.0)
    with closing(sqlite_store(tmp_path / "s.sqlite3")) as store:
        desk = Desk(store)
        desk.run()
        with store.hold_run(desk.experiment.compile().run_id), pytest.raises(RunBusyError):
            desk.replay("score")
        desk.metric.script = lambda value, case: _run_meanwhile(desk)
        result = desk.replay("score")
        assert [failure.message for failure in result.cases[0].evaluation_failures.values()] == ["busy"]


def _run_meanwhile(desk: Desk) -> Any:
    try:
        with desk.store.hold_run(desk.experiment.compile().run_id):
            return 1.0
    except RunBusyError:
        return ValueError("busy")


def test_observers_see_a_replay_as_a_run_of_its_stages(store: RunStore) -> None:
    class Subscriber:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def on_event(self, event: Any) -> None:
            self.seen.append(event.event_type)

    desk = Desk(store, count=1)
    desk.run()
    subscriber = Subscriber()
    desk.replay("parse", subscribers=[subscriber])
    scored = ["score_started", "score_completed"]
    assert subscriber.seen == ["run_started", "parse_started", "parse_completed", *scored, *scored, "run_completed"]


def test_a_replay_can_be_awaited(store: RunStore) -> None:
    desk = Desk(store)
    desk.run()

    async def replayed() -> RunResult:
        with pytest.raises(RuntimeError, match="await replay_async"):
            desk.experiment.replay("score", store=store)
        return await desk.experiment.replay_async("score", store=store)

    assert asyncio.run(replayed()).status == "completed"


def test_a_continued_replay_finds_its_cases_by_their_place(store: RunStore) -> None:
    """The rows of a replay are beside those of its run, never among them."""
    desk = Desk(store)
    run_id = desk.run().run_id
    before = store.outcomes_between(run_id, 0, 9)
    store.begin_replay(run_id, "one")
    (score,) = [found for found in before if (found.case_no, found.stage, found.item) == (1, Stage.SCORE, 0)]
    (end,) = store.ends_between(run_id, 1, 2)
    store.append_replayed(run_id, [score._replace(value=0.125)], [end])
    assert store.outcomes_between(run_id, 0, 9) == before
    assert store.replayed_ends(run_id, 0, 9) == [end]
    store.begin_replay(run_id, "one")
    assert store.replayed_outcomes(run_id, 0, 9) == [score._replace(value=0.125)]
    store.begin_replay(run_id, "two")
    assert [*store.replayed_ends(run_id, 0, 9), *store.replayed_outcomes(run_id, 0, 9)] == []
