"""Synchronous components: one thread from the first call to the last, one call at a time, no loop to be seen."""

import asyncio
import contextvars
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import thread_bound
from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, dataset, experiment, scores_of
from themis import evaluate
from themis.core.config import RuntimeConfig
from themis.core.engine.cases.ahead import AHEAD
from themis.core.errors import ComponentError
from themis.core.experiment import Experiment
from themis.core.results import RunResult
from themis.core.submission import run_worker_once, submit_experiment

PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def no_connection_is_left_open() -> Iterator[None]:
    yield
    thread_bound.close_connections()


def run_async(made: Experiment) -> RunResult:
    async def program() -> RunResult:
        return await made.run_async()

    return asyncio.run(program())


def scores(result: RunResult) -> list[Any]:
    """The score of each case, or why it has none."""
    return [
        scores_of(case)[0] if scores_of(case) else next(iter(case.evaluation_failures.values())).message
        for case in result.cases
    ]


def noted(notes: list[Any], note: Any, answer: Any) -> Any:
    notes.append(note)
    return answer


class Recording:
    """Notes the thread of each call."""

    def __init__(self, work_s: float = 0.0) -> None:
        self.threads: list[threading.Thread] = []
        self.work_s = work_s

    def __call__(self, *said: Any) -> float:
        self.threads.append(threading.current_thread())
        time.sleep(self.work_s)
        return 1.0


class Concurrent(ScriptedMetric):
    """A metric that takes several calls at once, and notes the most that it had."""

    def __init__(self, concurrent: Any, **facts: Any) -> None:
        super().__init__(self.note, **facts)
        self.concurrent = concurrent
        self.flying = self.most = 0
        self.threads: set[int] = set()
        self._lock = threading.Lock()

    def note(self, *said: Any) -> float:
        with self._lock:
            self.flying += 1
            self.most = max(self.most, self.flying)
            self.threads.add(threading.get_ident())
        time.sleep(0.005)
        with self._lock:
            self.flying -= 1
        return 1.0


@pytest.mark.parametrize("work_s", [0.0, 0.008])
def test_all_calls_of_a_run_are_made_in_the_thread_that_waits_for_it(work_s: float) -> None:
    parse, score = Recording(work_s), Recording(work_s)
    parts: dict[str, Any] = {
        "parser": ScriptedParser(parse, component_id="lab/parser"),
        "metrics": [ScriptedMetric(score), ScriptedMetric(score, component_id="lab/other")],
    }
    assert experiment(datasets=[dataset(20)], **parts).run().progress.completed_cases == 20
    assert set(parse.threads) == set(score.threads) == {threading.main_thread()}
    assert (len(parse.threads), len(score.threads)) == (20, 40)


def test_a_run_that_another_thread_waits_for_is_served_by_that_one() -> None:
    record, results = Recording(), list[RunResult]()
    made = experiment(metrics=[ScriptedMetric(record)])
    thread = threading.Thread(target=lambda: results.append(made.run()))
    thread.start()
    thread.join(PATIENCE_S)
    assert results[0].status == "completed"
    assert set(record.threads) == {thread}


def test_under_a_callers_loop_they_are_made_in_one_thread_of_the_runs_own() -> None:
    record = Recording(0.003)
    asked: list[threading.Thread] = []
    generator = ScriptedGenerator(lambda case, ctx: noted(asked, threading.current_thread(), case.input))
    made = experiment(generator, metrics=[ScriptedMetric(record)], datasets=[dataset(20)])
    assert run_async(made).status == "completed"
    assert set(asked) == {threading.main_thread()}
    assert len(set(record.threads)) == 1
    assert threading.main_thread() not in record.threads
    record.threads[0].join(PATIENCE_S)
    assert not record.threads[0].is_alive()


@pytest.mark.few(4)
@pytest.mark.parametrize("kind", thread_bound.ALL)
@pytest.mark.parametrize("tasks", [1, 2, 32])
def test_what_is_bound_to_a_thread_works_in_run(kind: type[Any], tasks: int) -> None:
    count = 4 if kind is thread_bound.Pooled else 12
    runtime = RuntimeConfig(max_concurrent_tasks=tasks)
    assert scores(experiment(metrics=[kind()], datasets=[dataset(count)], runtime=runtime).run()) == [1.0] * count


ELSEWHERE = {
    thread_bound.Alarmed: "signal only works in main thread of the main interpreter",
    thread_bound.Connected: "SQLite objects created in a thread can only be used in that same thread",
}


@pytest.mark.few(3)
@pytest.mark.parametrize("kind", [*thread_bound.ALL, thread_bound.LateConnected])
def test_under_a_callers_loop_it_works_for_every_case_or_for_none(kind: type[Any]) -> None:
    count = 4 if kind is thread_bound.Pooled else 12
    (only,) = set(scores(run_async(experiment(metrics=[kind()], datasets=[dataset(count)]))))
    assert str(only).startswith(ELSEWHERE.get(kind, "1.0"))


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", thread_bound.ALL)
@pytest.mark.not_smoke
def test_what_is_bound_to_a_thread_works_in_a_worker(kind: type[Any], tmp_path: Path) -> None:
    count = 3 if kind is thread_bound.Pooled else 12
    runtime = RuntimeConfig(queue_root=str(tmp_path / "queue"), timeout_s=PATIENCE_S)
    use = f"tests.support.thread_bound:{kind.__name__}"
    submit_experiment(
        experiment(metrics=[use], datasets=[dataset(count)], runtime=runtime, path=tmp_path / "themis.sqlite3")
    )
    result = run_worker_once(tmp_path / "queue")
    assert result is not None
    assert scores(result) == [1.0] * count


def test_a_metric_may_run_an_evaluation_of_its_own() -> None:
    record = Recording()

    def score(value: Any, case: Any) -> float:
        inner = evaluate(
            model="builtin/demo_generator",
            data=[{"input": value, "expected_output": value}],
            metric=ScriptedMetric(record),
        )
        return scores_of(inner.cases[0])[0]

    assert scores(experiment(metrics=[ScriptedMetric(score)]).run()) == [1.0] * 3
    assert set(record.threads) == {threading.main_thread()}


@pytest.mark.parametrize("run", [Experiment.run, run_async])
def test_a_component_sees_the_context_of_whoever_began_the_run(run: Callable[[Experiment], RunResult]) -> None:
    user = contextvars.ContextVar("user", default="nobody")
    generator = ScriptedGenerator(lambda case, ctx: user.get())
    metric = ScriptedMetric(lambda value, case: float(value == user.get() == "somebody"))
    token = user.set("somebody")
    try:
        assert scores(run(experiment(generator, metrics=[metric]))) == [1.0] * 3
    finally:
        user.reset(token)


def test_a_component_that_says_so_has_so_many_calls_at_once() -> None:
    metric = Concurrent(3)
    assert experiment(metrics=[metric], datasets=[dataset(40)]).run().progress.completed_cases == 40
    assert (metric.most, len(metric.threads)) == (3, 3)


@pytest.mark.parametrize("limits", [{"stage_concurrency": {"scoring": 2}}, {"max_concurrent_tasks": 2}])
def test_the_limits_of_the_run_hold_for_it_too(limits: dict[str, Any]) -> None:
    metric = Concurrent(3)
    experiment(metrics=[metric], datasets=[dataset(20)], runtime=RuntimeConfig(**limits)).run()
    assert metric.most == 2


def test_a_component_that_takes_calls_at_once_does_not_have_others_do_so() -> None:
    metric, alone = Concurrent(3), Concurrent(1, component_id="lab/alone")
    result = experiment(metrics=[metric, alone], datasets=[dataset(30)]).run()
    assert [len(case.scores) for case in result.cases] == [2] * 30
    assert metric.most == 3
    assert alone.threads == {threading.main_thread().ident}


@pytest.mark.parametrize("number", [0, -1, 2.0, "4", True, None, 10**9])
def test_a_wrong_number_of_calls_at_once_is_refused_before_any_is_made(number: Any) -> None:
    with pytest.raises(ComponentError, match=r"metrics\.0: 'lab/metric': concurrent must be a whole number from 1 to"):
        experiment(metrics=[Concurrent(number)]).compile()


@pytest.mark.not_smoke
def test_a_slow_metric_holds_no_model_up() -> None:
    asked: list[float] = []

    async def answer(case: Any) -> Any:
        asked.append(time.perf_counter())
        await asyncio.sleep(0.05)
        return case.input

    metric = ScriptedMetric(lambda value, case: Recording(0.02)())
    runtime = RuntimeConfig(max_concurrent_tasks=20)
    made = experiment(
        ScriptedGenerator(lambda case, ctx: answer(case)), metrics=[metric], datasets=[dataset(100)], runtime=runtime
    )
    began_s = time.perf_counter()
    assert made.run().progress.completed_cases == 100
    # The metric takes two seconds for all; the model is asked within a quarter of one, if it is asked all the time.
    assert max(asked) - began_s < 1.0


def test_so_many_cases_wait_for_a_metric_and_no_more() -> None:
    generated = scored = ahead = 0

    def generate(case: Any, ctx: Any) -> Any:
        nonlocal generated, ahead
        generated += 1
        ahead = max(ahead, generated - scored)
        return case.input

    def score(value: Any, case: Any) -> float:
        nonlocal scored
        time.sleep(0.001)
        scored += 1
        return 1.0

    runtime = RuntimeConfig(max_concurrent_tasks=3)
    made = experiment(
        ScriptedGenerator(generate), metrics=[ScriptedMetric(score)], datasets=[dataset(120)], runtime=runtime
    )
    assert made.run().progress.completed_cases == 120
    assert AHEAD * 2 <= ahead <= AHEAD * 2 + 3 + 1


@pytest.mark.parametrize("listened_to", [False, True])
def test_one_at_a_time_is_one_at_a_time(listened_to: bool) -> None:
    order: list[str] = []
    generator = ScriptedGenerator(lambda case, ctx: noted(order, f"ask {case.case_id}", case.input))
    metric = ScriptedMetric(lambda value, case: noted(order, f"score {case.case_id}", 1.0))
    made = experiment(generator, metrics=[metric], datasets=[dataset(5)], runtime=RuntimeConfig(max_concurrent_tasks=1))
    made.run(subscribers=[object()] if listened_to else [])
    assert order == [word for no in range(5) for word in (f"ask q{no}", f"score q{no}")]


@pytest.mark.parametrize("concurrent", [1, 2])
@pytest.mark.parametrize("run", [Experiment.run, run_async])
def test_whatever_a_metric_raises_is_data(run: Callable[[Experiment], RunResult], concurrent: int) -> None:
    raised = {"q1": SystemExit("enough"), "q2": KeyboardInterrupt(), "q3": GeneratorExit(), "q4": ValueError("no")}
    metric = ScriptedMetric(lambda value, case: raised.get(case.case_id) or next(iter([1.0] * (case.case_id != "q5"))))
    metric.concurrent = concurrent  # type: ignore[attr-defined]
    result = run(experiment(metrics=[metric], datasets=[dataset(8)]))
    assert (result.status, result.progress.completed_cases) == ("partial_failure", 3)
    types = [
        next(iter(case.evaluation_failures.values())).error_type for case in result.cases if case.evaluation_failures
    ]
    assert types == ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "ValueError", "StopIteration"]


STUCK = """
import asyncio, sys, time
sys.path.insert(0, {root!r})
from tests.support.lab import ScriptedMetric, dataset, experiment
from themis.core.jobs.time_limit import within

async def program():
    metric = ScriptedMetric(lambda value, case: time.sleep(1_000))
    await within(0.3, experiment(metrics=[metric], datasets=[dataset(30)]).run_async())

try:
    asyncio.run(program())
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.slow
def test_a_metric_that_never_returns_does_not_keep_the_process_alive(pytestconfig: pytest.Config) -> None:
    program = STUCK.format(root=str(pytestconfig.rootpath))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.split() == ["TimeLimitError"], done.stderr
