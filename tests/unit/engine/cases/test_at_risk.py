"""Cases that may kill their process: noted while they are in flight, run alone, or ended without being run."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, dataset, experiment, scores_of
from themis.core.config import RuntimeConfig
from themis.core.engine.run import RunExecution
from themis.core.engine.run_options import Precautions, RunOptions
from themis.core.experiment import Experiment
from themis.core.outcomes.stages import WORKER_LOST, Stage
from themis.core.processes.noted_cases import InFlight, NotedCases, read_notes
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore, RunStore, sqlite_store
from themis.core.stores.projections import run_result

TOKEN = "5b9c392d1694f445"  # noqa: S105  # a claim's, no secret
RUNTIME = RuntimeConfig(max_concurrent_tasks=4, generation_retry_delay=0.0)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    made: RunStore = InMemoryRunStore() if request.param == "memory" else sqlite_store(tmp_path / "s.sqlite3")
    with closing(made):
        yield made


def execute(made: Experiment, store: RunStore, precautions: Precautions, **options: Any) -> RunResult:
    run = made.compiled()
    execution = RunExecution(run, store, made.runtime, RunOptions(precautions=precautions, **options))
    record = asyncio.run(asyncio.wait_for(execution.execute(), 20))
    return run_result(store, run.snapshot.run_id, record)


def test_a_case_is_noted_from_its_generation_to_its_score_and_not_afterwards(tmp_path: Path) -> None:
    path, seen = tmp_path / "notes", dict[str, InFlight | None]()

    def look(case_id: str, answer: Any) -> Any:
        seen[case_id] = read_notes(path, TOKEN)
        return answer

    made = experiment(
        ScriptedGenerator(lambda case, _: look(f"generate {case.case_id}", case.input)),
        metrics=[ScriptedMetric(lambda _, case: look(f"score {case.case_id}", 1.0), component_id="lab/metric")],
        datasets=[dataset(3)],
        runtime=RUNTIME.model_copy(update={"max_concurrent_tasks": 1}),
    )
    execute(made, InMemoryRunStore(), Precautions(partial(NotedCases.make, path, TOKEN)))
    steps = [f"{step} q{case}" for case in range(3) for step in ("generate", "score")]
    assert {step: seen[step] for step in steps} == {step: InFlight((int(step[-1]),)) for step in steps}
    assert not path.exists()


def test_notes_that_cannot_be_kept_hold_up_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = experiment(runtime=RUNTIME)
    precautions = Precautions(partial(NotedCases.make, tmp_path / "missing" / "notes", TOKEN))
    assert execute(made, InMemoryRunStore(), precautions).status == "completed"
    assert "cases in flight are not noted" in caplog.text


def test_suspects_run_one_at_a_time_before_the_others_and_each_is_stored_before_the_next(
    store: RunStore, tmp_path: Path
) -> None:
    path, order, together = tmp_path / "notes", list[str](), set[str]()
    snapshots = list[tuple[str, InFlight | None, int]]()
    made = experiment(datasets=[dataset(600)], runtime=RUNTIME)
    run_id = made.compile().run_id

    async def answer(case: Any, _: Any) -> Any:
        order.append(case.case_id)
        together.add(case.case_id)
        if len(order) <= 3:
            snapshots.append((case.case_id, read_notes(path, TOKEN), store.count_ends(run_id)[0]))
            await asyncio.sleep(0.01)
            assert len(together) == 1
        await asyncio.sleep(0)
        together.discard(case.case_id)
        return case.input

    made = experiment(ScriptedGenerator(answer), datasets=[dataset(600)], runtime=RUNTIME)
    run_id = made.compile().run_id
    precautions = Precautions(partial(NotedCases.make, path, TOKEN), alone=(520, 3, 9))
    result = execute(made, store, precautions)
    assert [(case, found, ends) for case, found, ends in snapshots] == [
        ("q520", InFlight((520,), alone=True), 0),
        ("q3", InFlight((3,), alone=True), 1),
        ("q9", InFlight((9,), alone=True), 2),
    ]
    assert (len(order), len(set(order))) == (600, 600)
    assert (result.status, result.progress.completed_cases) == ("completed", 600)


def test_a_suspect_that_fails_alone_is_not_tried_a_second_time_and_is_counted_once(store: RunStore) -> None:
    calls = list[str]()

    def answer(case: Any, _: Any) -> Any:
        calls.append(case.case_id)
        if case.case_id == "q1":
            raise ValueError(case.case_id)
        return case.input

    made = experiment(ScriptedGenerator(answer), datasets=[dataset(5)], runtime=RUNTIME)
    result = execute(made, store, Precautions(alone=(1, 2)))
    assert (calls[:2], sorted(calls)) == (["q1", "q2"], ["q0", "q1", "q2", "q3", "q4"])
    assert (result.progress.total_cases, result.progress.completed_cases, result.progress.failed_cases) == (5, 4, 1)


@pytest.mark.parametrize(("until", "stage"), [(None, "generation"), ("generate", "parse"), ("parse", "score")])
def test_a_lost_case_ends_at_the_first_stage_that_it_lacks_and_no_component_is_called_for_it(
    store: RunStore, until: str | None, stage: str
) -> None:
    generator, parser = ScriptedGenerator(), ScriptedParser(lambda output: output, component_id="lab/parser")
    metrics = [ScriptedMetric(component_id=f"lab/{name}") for name in "ab"]
    made = experiment(generator, parser=parser, metrics=metrics, datasets=[dataset(3)], runtime=RUNTIME)
    if until is not None:
        made.run(until_stage=until, store=store)
    for part in (generator, parser, *metrics):
        part.calls.clear()
    result = execute(made, store, Precautions(lost=(1,)))
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 1)
    (lost,) = [case for case in result.cases if case.case_id == "q1"]
    found = [*lost.generation_failures.values(), lost.parse_error, *lost.evaluation_failures.values()]
    failures = [failure for failure in found if failure is not None]
    assert {(failure.stage, failure.category, failure.retryable) for failure in failures} == {
        (stage, WORKER_LOST, False)
    }
    assert scores_of(lost) == []
    assert all("q1" not in str(part.calls) for part in (generator, parser, *metrics))


def test_a_later_execution_without_precautions_tries_a_lost_case_again(store: RunStore) -> None:
    made = experiment(datasets=[dataset(3)], runtime=RUNTIME)
    assert execute(made, store, Precautions(lost=(0, 2))).progress.failed_cases == 2
    again = execute(made, store, Precautions())
    assert (again.status, again.progress.failed_cases, again.progress.completed_cases) == ("completed", 0, 3)


def test_many_lost_cases_in_a_row_do_not_stop_a_run(store: RunStore) -> None:
    runtime = RUNTIME.model_copy(update={"breaker": RUNTIME.breaker.model_copy(update={"failures": 2})})
    made = experiment(datasets=[dataset(20)], runtime=runtime)
    made.run(until_stage="generate", store=store)
    result = execute(made, store, Precautions(lost=tuple(range(10))), until=Stage.JUDGE)
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 10)
