"""Going on with a run: nothing that is finished is done again, down to case, candidate and stage."""

import asyncio
import sqlite3
from collections.abc import Iterator
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
    dataset,
    experiment,
    scores_of,
)
from themis.core.config import RuntimeConfig
from themis.core.engine.run_options import RunProgress
from themis.core.errors import InvalidArgumentError, RunExistsError, RunningLoopError
from themis.core.experiment import Experiment
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import UNTIL_STAGES, Stage
from themis.core.results import RunStatus
from themis.core.stores import InMemoryRunStore, RunStore, sqlite_store
from themis.core.stores.sqlite import SqliteRunStore

PATIENCE_S = 20.0


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    made: RunStore = InMemoryRunStore() if request.param == "memory" else sqlite_store(tmp_path / "s.sqlite3")
    with closing(made):
        yield made


class Lab:
    """An experiment with a component for every stage, each of which counts its calls."""

    def __init__(self, samples: int = 2, cases: int = 3) -> None:
        self.generator = ScriptedGenerator(lambda case, ctx: f"{case.input} {ctx.seed}")
        self.selector = ScriptedSelector(lambda candidates: candidates, component_id="lab/selector")
        self.reducer = ScriptedReducer(lambda found: found[0].final_output, component_id="lab/reducer")
        self.parser = ScriptedParser(lambda output: output, component_id="lab/parser")
        self.metrics = [ScriptedMetric(component_id=f"lab/{name}") for name in "ab"]
        self.samples = samples
        self.cases = cases

    def experiment(self, **facts: Any) -> Experiment:
        return experiment(
            self.generator,
            samples=self.samples,
            seeds=list(range(self.samples)),
            selector=self.selector,
            reducer=self.reducer,
            parser=self.parser,
            metrics=self.metrics,
            datasets=[dataset(self.cases)],
            **facts,
        )

    @property
    def parts(self) -> list[Any]:
        return [self.generator, self.selector, self.reducer, self.parser, *self.metrics]

    def counts(self) -> list[int]:
        """Calls of generator, selector, reducer, parser and the two metrics since they were last asked for."""
        found = [len(part.calls) for part in self.parts]
        for part in self.parts:
            part.calls.clear()
        return found


ALL = [6, 3, 3, 3, 3, 3]
THROUGH = {"judge": "score"}
"""The last stage in which there is something to do, where it is not the one that was asked for: nobody judges here."""

DONE_BY = {"generate": 1, "reduce": 3, "parse": 4, "score": 6, "judge": 6}


@pytest.mark.parametrize("first", UNTIL_STAGES)
def test_a_run_stops_after_any_stage_and_goes_on_from_there(store: RunStore, first: str) -> None:
    lab = Lab()
    stopped = lab.experiment().run(until_stage=first, store=store)
    assert (stopped.status, stopped.completed_through_stage) == ("completed", THROUGH.get(first, first))
    done = DONE_BY[first]
    assert lab.counts() == ALL[:done] + [0] * (6 - done)
    whole = lab.experiment().run(store=store)
    assert (whole.status, whole.completed_through_stage) == ("completed", "score")
    assert lab.counts() == [0] * done + ALL[done:]
    assert whole.progress.completed_cases == 3
    assert all(len(case.scores) == 2 for case in whole.cases)


def test_a_whole_run_is_returned_while_another_process_writes_to_the_store(tmp_path: Path) -> None:
    path, lab = tmp_path / "s.sqlite3", Lab()
    with closing(sqlite_store(path)) as made:
        lab.experiment().run(store=made)
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        closing(SqliteRunStore(path, busy_timeout_s=0.05, retry_attempts=0)) as impatient,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert lab.experiment().run(store=impatient).status == "completed"


def test_every_stage_may_be_a_stop_of_its_own(store: RunStore) -> None:
    lab, before = Lab(), 0
    for stage in UNTIL_STAGES:
        lab.experiment().run(until_stage=stage, store=store)
        done = DONE_BY[stage]
        assert lab.counts() == [0] * before + ALL[before:done] + [0] * (6 - done)
        before = done


@pytest.mark.parametrize("until", UNTIL_STAGES)
def test_a_whole_run_is_returned_as_it_is_stored_whatever_stage_is_asked_for(store: RunStore, until: str) -> None:
    lab = Lab()
    before = lab.experiment().run(store=store)
    lab.counts()
    after = lab.experiment().run(until_stage=until, store=store)
    assert lab.counts() == [0] * 6
    assert after == before


def test_an_unknown_stage_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidArgumentError, match=r"until_stage: no stage 'scores'; did you mean \"score\"\?"):
        Lab().experiment().run(until_stage="scores")


def test_what_came_out_without_stops_is_what_comes_out_with_them() -> None:
    lab, stopped, whole = Lab(), InMemoryRunStore(), InMemoryRunStore()
    for stage in UNTIL_STAGES:
        lab.experiment().run(until_stage=stage, store=stopped)
    result = lab.experiment().run(store=whole)
    assert list(lab.experiment().run(store=stopped).cases) == list(result.cases)


# --- after a crash ---------------------------------------------------------------------------------------------------


def everything(store: RunStore, run_id: str) -> tuple[list[Outcome], list[CaseEnd]]:
    return store.outcomes_between(run_id, 0, 1_000), store.ends_between(run_id, 0, 1_000)


def called(lab: Lab) -> list[tuple[int, Stage, int]]:
    """What was run since the last count, as the keys of the outcomes."""
    found = [(int(case_id[1:]), Stage.GENERATE, seed) for case_id, seed in lab.generator.calls]
    for stage, part in ((Stage.SELECT, lab.selector), (Stage.REDUCE, lab.reducer), (Stage.PARSE, lab.parser)):
        found += [(int(case_id[1:]), stage, 0) for case_id in part.calls]
    for item, metric in enumerate(lab.metrics):
        found += [(int(case_id[1:]), Stage.SCORE, item) for case_id in metric.calls]
    lab.counts()
    return sorted(found)


@pytest.mark.few(6)
@pytest.mark.parametrize("keep", [1, 2, 3, 5, 8, 13, 20, 21])
def test_after_a_crash_only_what_was_not_committed_is_repeated(store: RunStore, keep: int) -> None:
    lab, whole = Lab(), InMemoryRunStore()
    run_id = lab.experiment().run(store=whole).run_id
    lab.counts()
    outcomes, ends = everything(whole, run_id)
    kept = outcomes[::2] if keep == 21 else outcomes[:keep]
    snapshot = whole.load_snapshot(run_id)
    assert snapshot is not None
    store.create_run(snapshot)
    store.start_run(run_id)
    finished = {end.case_no for end in ends if all(o in kept for o in outcomes if o.case_no == end.case_no)}
    store.append(run_id, kept, [end for end in ends if end.case_no in finished])
    result = lab.experiment().run(store=store)
    assert result.status == "completed"
    key = [(outcome.case_no, outcome.stage, outcome.item) for outcome in kept]
    assert called(lab) == [k for o in outcomes if (k := (o.case_no, o.stage, o.item)) not in key]
    assert list(result.cases) == list(lab.experiment().run(store=whole).cases)


def test_a_crash_between_outcomes_and_end_of_a_case_repeats_nothing(store: RunStore) -> None:
    lab, whole = Lab(), InMemoryRunStore()
    run_id = lab.experiment().run(store=whole).run_id
    lab.counts()
    snapshot = whole.load_snapshot(run_id)
    assert snapshot is not None
    store.create_run(snapshot)
    store.append(run_id, everything(whole, run_id)[0], [])
    result = lab.experiment().run(store=store)
    assert called(lab) == []
    assert result.progress.completed_cases == 3


def test_a_failed_case_is_tried_again_from_the_stage_that_failed(store: RunStore) -> None:
    lab = Lab()
    lab.parser.script = lambda output: ValueError("no") if output.startswith("a1") else output
    first = lab.experiment().run(store=store)
    assert (first.status, first.progress.failed_cases) == ("partial_failure", 1)
    lab.counts()
    lab.parser.script = lambda output: output
    second = lab.experiment().run(store=store)
    assert second.status == "completed"
    assert called(lab) == [(1, Stage.PARSE, 0), (1, Stage.SCORE, 0), (1, Stage.SCORE, 1)]
    assert second.cases[1].parse_error is None


def test_a_failed_metric_is_tried_again_alone(store: RunStore) -> None:
    lab = Lab()
    lab.metrics[1].script = lambda value, case: ValueError("no") if case.case_id == "q2" else 1.0
    assert lab.experiment().run(store=store).status == "partial_failure"
    lab.counts()
    lab.metrics[1].script = lambda value, case: 0.5
    result = lab.experiment().run(store=store)
    assert called(lab) == [(2, Stage.SCORE, 1)]
    assert result.cases[2].evaluation_failures == {}
    assert scores_of(result.cases[2]) == [1.0, 0.5]


def test_a_case_that_fails_again_keeps_its_latest_reason(store: RunStore) -> None:
    lab = Lab()
    for message in ("first", "second"):
        lab.parser.script = lambda output, message=message: ValueError(message)
        result = lab.experiment().run(store=store)
    assert result.status == "failed"
    assert {case.parse_error.message for case in result.cases if case.parse_error} == {"second"}


def test_asking_again_for_less_takes_nothing_back(store: RunStore) -> None:
    lab = Lab()
    lab.metrics[0].script = lambda value, case: ValueError("no") if case.case_id == "q0" else 1.0
    before = lab.experiment().run(store=store)
    assert (before.status, before.completed_through_stage) == ("partial_failure", "score")
    lab.counts()
    after = lab.experiment().run(until_stage="generate", store=store)
    assert lab.counts() == [0] * 6
    assert (after.status, after.completed_through_stage) == ("partial_failure", "score")


def test_progress_tells_what_was_there_already(store: RunStore) -> None:
    lab = Lab(cases=10)
    lab.parser.script = lambda output: ValueError("no") if output.startswith("a7") else output
    lab.experiment().run(store=store)
    progress = RunProgress()
    lab.experiment().run(store=store, progress=progress)
    assert (progress.total, progress.done, progress.failed, progress.resumed) == (10, 10, 1, 9)


# --- policies --------------------------------------------------------------------------------------------------------


def policy(name: Any) -> RuntimeConfig:
    return RuntimeConfig(existing_run_policy=name, generation_retry_delay=0.0)


def test_error_refuses_a_run_that_exists_and_changes_nothing(store: RunStore) -> None:
    lab = Lab()
    before = lab.experiment(runtime=policy("error")).run(store=store)
    lab.counts()
    with pytest.raises(RunExistsError, match=f"run {before.run_id} exists already .completed."):
        lab.experiment(runtime=policy("error")).run(store=store)
    assert lab.counts() == [0] * 6
    assert lab.experiment().run(store=store) == before


def test_rerun_starts_afresh(store: RunStore) -> None:
    lab = Lab()
    lab.experiment().run(store=store)
    lab.counts()
    lab.generator.script = lambda case, ctx: "new"
    result = lab.experiment(runtime=policy("rerun")).run(store=store)
    assert lab.counts() == ALL
    assert {case.generated_candidates[0].final_output for case in result.cases} == {"new"}
    assert result.status == "completed"


def test_a_rerun_to_an_earlier_stage_forgets_the_later_ones(store: RunStore) -> None:
    lab = Lab()
    lab.experiment().run(store=store)
    result = lab.experiment(runtime=policy("rerun")).run(until_stage="generate", store=store)
    assert (result.status, result.completed_through_stage) == ("completed", "generate")
    assert [case.scores for case in result.cases] == [[], [], []]


@pytest.mark.parametrize("name", ["auto", "error", "rerun"])
def test_any_policy_runs_what_does_not_exist(name: str) -> None:
    assert Lab().experiment(runtime=policy(name)).run().status == "completed"


# --- cancelled -------------------------------------------------------------------------------------------------------


def test_what_was_finished_before_a_cancellation_is_kept_and_the_run_goes_on(store: RunStore) -> None:
    lab = Lab(samples=1, cases=40)
    reached = asyncio.Event()
    blocked = True

    async def answer(case: Any) -> str:
        if blocked and int(case.case_id[1:]) >= 10:
            reached.set()
            await asyncio.sleep(PATIENCE_S)
        return str(case.input)

    lab.generator.script = lambda case, ctx: answer(case)

    async def program() -> None:
        task = asyncio.create_task(lab.experiment(runtime=RuntimeConfig(max_concurrent_tasks=4)).run_async(store=store))
        await asyncio.wait_for(reached.wait(), PATIENCE_S)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(program())
    run_id = lab.experiment().compile().run_id
    record = store.load_run(run_id)
    assert record is not None
    assert (record.status, record.completed_through) == (RunStatus.CANCELLED, None)
    assert store.count_ends(run_id) == (10, 0)
    lab.counts()
    blocked = False
    result = lab.experiment().run(store=store)
    assert result.status == "completed"
    assert lab.counts()[0] == 30


def test_run_inside_a_running_loop_names_the_form_that_works() -> None:
    async def program() -> None:
        Lab().experiment().run()

    with pytest.raises(RunningLoopError, match=r"run\(\) cannot run inside a running event loop; await run_async\(\)"):
        asyncio.run(program())


def test_two_runs_share_an_event_loop() -> None:
    async def program() -> list[Any]:
        labs = [Lab(cases=5), Lab(cases=7)]
        return await asyncio.gather(*(lab.experiment().run_async() for lab in labs))

    results = asyncio.run(program())
    assert [result.progress.completed_cases for result in results] == [5, 7]


# --- what failed is tried again --------------------------------------------------------------------------------------

FAILING = {"generate": 0, "select": 1, "reduce": 2, "parse": 3, "score": 5}
"""Which part of a `Lab` fails, by the stage that it is for."""


@pytest.mark.few(10)
@pytest.mark.parametrize("stage", FAILING)
@pytest.mark.parametrize("until", UNTIL_STAGES)
def test_what_failed_is_tried_again_by_the_same_run_whatever_stage_it_stops_after(
    store: RunStore, stage: str, until: str
) -> None:
    lab, failing = Lab(), FAILING[stage]
    part = lab.parts[failing]
    script, part.script = part.script, lambda *_: ValueError("not today")
    first = lab.experiment().run(until_stage=until, store=store)
    comes_there = failing < DONE_BY[until]
    with_answers = "partial_failure" if stage == "score" else "failed"
    assert first.status == (with_answers if comes_there else "completed")
    lab.counts()
    part.script = script
    again = lab.experiment().run(until_stage=until, store=store)
    assert (again.status, again.completed_through_stage) == ("completed", THROUGH.get(until, until))
    assert again.progress.failed_cases == 0
    assert lab.counts()[failing] == (ALL[failing] if comes_there else 0)
