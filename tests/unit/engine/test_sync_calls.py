"""Metrics and parsers that block are moved to threads; those that do not pay nothing."""

import asyncio
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, ScriptedParser, dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.engine.sync_calls import BLOCKING_S, SLOW_CALLS, SyncCalls

PATIENCE_S = 20.0


def block() -> None:
    time.sleep(BLOCKING_S * 2)


def names_of(threads: list[str]) -> set[str]:
    return {"main" if name == "MainThread" else "other" for name in threads}


class Recording:
    """Notes the thread of each call."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def __call__(self) -> None:
        self.threads.append(threading.current_thread().name)


def test_a_metric_that_blocks_is_moved_after_a_few_calls() -> None:
    record = Recording()

    def score(value: Any, case: Any) -> float:
        record()
        block()
        return 1.0

    result = experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(30)]).run()
    assert result.progress.completed_cases == 30
    assert names_of(record.threads[:SLOW_CALLS]) == {"main"}
    assert names_of(record.threads[-10:]) == {"other"}
    assert len(record.threads) == 30


def test_a_fast_metric_is_never_moved() -> None:
    record = Recording()

    def score(value: Any, case: Any) -> float:
        record()
        return 1.0

    experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(300)]).run()
    assert names_of(record.threads) == {"main"}
    assert len(record.threads) == 300


def test_a_single_slow_call_does_not_move_a_metric() -> None:
    record = Recording()

    def score(value: Any, case: Any) -> float:
        record()
        if case.case_id in {"q0", "q40", "q80"}:
            block()
        return 1.0

    experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(120)]).run()
    assert names_of(record.threads) == {"main"}


def test_generation_goes_on_while_a_metric_blocks() -> None:
    generated_more = threading.Event()
    waited: list[bool] = []

    async def answer(case: Any) -> Any:
        await asyncio.sleep(0)
        if case.case_id == "q60":
            generated_more.set()
        return case.input

    def score(value: Any, case: Any) -> float:
        if threading.current_thread() is threading.main_thread():
            block()
        else:
            waited.append(generated_more.wait(PATIENCE_S))
        return 1.0

    runtime = RuntimeConfig(max_concurrent_tasks=100)
    generator = ScriptedGenerator(lambda case, ctx: answer(case))
    result = experiment(generator, metrics=[ScriptedMetric(score)], datasets=[dataset(80)], runtime=runtime).run()
    assert result.progress.completed_cases == 80
    assert waited
    assert all(waited)


def test_what_a_moved_metric_raises_is_data() -> None:
    def score(value: Any, case: Any) -> Any:
        block()
        return ValueError(f"no {case.case_id}") if int(case.case_id[1:]) % 2 else 1.0

    result = experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(30)]).run()
    assert result.status == "partial_failure"
    assert result.progress.failed_cases == 15
    messages = {
        case.case_id: case.evaluation_failures["lab/metric"].message for case in result.cases if not case.scores
    }
    assert messages == {f"q{no}": f"no q{no}" for no in range(1, 30, 2)}


@pytest.mark.parametrize("blocks", [False, True])
def test_a_metric_that_wants_to_end_the_process_ends_its_case(*, blocks: bool) -> None:
    def score(value: Any, case: Any) -> Any:
        if blocks:
            block()
        return SystemExit("enough") if case.case_id == "q20" else 1.0

    result = experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(24)]).run()
    assert (result.status, result.progress.failed_cases) == ("partial_failure", 1)
    failure = result.cases[20].evaluation_failures["lab/metric"]
    assert (failure.error_type, failure.message) == ("SystemExit", "enough")


def test_a_moved_metric_may_raise_what_a_future_cannot_hold() -> None:
    def score(value: Any, case: Any) -> Any:
        block()
        return next(iter(())) if case.case_id == "q20" else 1.0

    result = experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(24)]).run()
    assert (result.status, result.progress.completed_cases) == ("partial_failure", 23)
    assert "StopIteration" in result.cases[20].evaluation_failures["lab/metric"].message


def test_a_parser_that_blocks_is_moved_too() -> None:
    record = Recording()

    def parse(output: Any) -> Any:
        record()
        block()
        return output

    parser = ScriptedParser(parse, component_id="lab/parser")
    result = experiment(parser=parser, datasets=[dataset(20)]).run()
    assert result.progress.completed_cases == 20
    assert "other" in names_of(record.threads)


def test_only_the_metric_that_blocks_is_moved() -> None:
    slow, fast = Recording(), Recording()

    def score_slowly(value: Any, case: Any) -> float:
        slow()
        block()
        return 1.0

    def score_fast(value: Any, case: Any) -> float:
        fast()
        return 0.0

    metrics = [ScriptedMetric(score_slowly, component_id="lab/slow"), ScriptedMetric(score_fast)]
    experiment(metrics=metrics, datasets=[dataset(20)]).run()
    assert names_of(slow.threads) == {"main", "other"}
    assert names_of(fast.threads) == {"main"}


def test_a_moved_metric_runs_in_as_many_threads_as_scoring_may_have() -> None:
    flying, most, lock = 0, 0, threading.Lock()

    def score(value: Any, case: Any) -> float:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        block()
        with lock:
            flying -= 1
        return 1.0

    runtime = RuntimeConfig(stage_concurrency={"scoring": 2})
    result = experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(40)], runtime=runtime).run()
    assert result.progress.completed_cases == 40
    assert most == 2


def test_a_moved_call_that_is_cancelled_hurts_no_other() -> None:
    calls = SyncCalls(threads=1)
    component = object()

    def answer(number: int) -> int:
        time.sleep(0.005)
        return number

    async def program() -> list[Any]:
        for _ in range(SLOW_CALLS):
            calls.here(component, block, ())
        assert calls.has_moved(component)
        tasks = [asyncio.create_task(calls.in_thread(component, answer, (number,))) for number in range(6)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE_S)

    results = asyncio.run(program())
    calls.close()
    assert isinstance(results[3], asyncio.CancelledError)
    assert results[:3] + results[4:] == [0, 1, 2, 4, 5]


STUCK = """
import sys, threading, time
sys.path.insert(0, {root!r})
from tests.support.lab import ScriptedMetric, dataset, experiment
from themis.core.time_limit import within
import asyncio

def score(value, case):
    time.sleep(0.02 if threading.current_thread() is threading.main_thread() else 1_000)
    return 1.0

async def program():
    await within(0.5, experiment(metrics=[ScriptedMetric(score)], datasets=[dataset(30)]).run_async())

try:
    asyncio.run(program())
except Exception as error:
    print(type(error).__name__)
"""


def test_a_metric_that_never_returns_does_not_keep_the_process_alive(pytestconfig: pytest.Config) -> None:
    program = STUCK.format(root=str(pytestconfig.rootpath))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.split() == ["TimeLimitError"], done.stderr
