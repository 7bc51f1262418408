"""Whatever the order of the event loop's callbacks: nothing hangs, and the results are the same."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from tests.support.lab import (
    ScriptedGenerator,
    ScriptedMetric,
    ScriptedParser,
    ScriptedReducer,
    dataset,
    experiment,
    scores_of,
)
from tests.support.reordered_loop import ReorderedLoop
from themis.core.config import RuntimeConfig
from themis.core.engine import writer as writer_module
from themis.core.engine.limits import Admission
from themis.core.engine.writer import OutcomeWriter
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import RunResult
from themis.core.stores import InMemoryRunStore

SEEDS = range(6)
PATIENCE_S = 20.0


def on_reordered_loop(seed: int, program: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def patiently() -> Any:
        return await asyncio.wait_for(program(), PATIENCE_S)

    with asyncio.Runner(loop_factory=partial(ReorderedLoop, seed)) as runner:
        return runner.run(patiently())


def rows(result: RunResult) -> list[Any]:
    return [
        (case.case_id, [s.metric_id for s in case.scores], scores_of(case), sorted(case.evaluation_failures))
        for case in result.cases
    ]


def slowly(value: float) -> float:
    time.sleep(0.0005)
    return value


def made(tasks: int, concurrent: int) -> Any:
    async def answer(case: Any) -> Any:
        number = int(case.case_id[1:])
        for _ in range(number % 4):
            await asyncio.sleep(0.0005 * (number % 3))
        return ValueError("no") if number % 7 == 3 else case.input

    async def raised(case: Any) -> Any:
        found = await answer(case)
        if isinstance(found, Exception):
            raise found
        return found

    slow = ScriptedMetric(lambda value, case: slowly(float(int(case.case_id[1:]) % 2)))
    slow.concurrent = concurrent  # type: ignore[attr-defined]
    bad = ScriptedMetric(
        lambda value, case: ValueError("no") if case.case_id == "q4" else 1.0, component_id="lab/other"
    )
    return experiment(
        ScriptedGenerator(lambda case, ctx: raised(case)),
        samples=2,
        seeds=[1, 2],
        reducer=ScriptedReducer(lambda candidates: candidates[0].final_output, component_id="lab/reducer"),
        parser=ScriptedParser(lambda output: output, component_id="lab/parser"),
        metrics=[slow, bad],
        datasets=[dataset(30)],
        runtime=RuntimeConfig(max_concurrent_tasks=tasks, stage_concurrency={"generation": max(1, tasks - 1)}),
    )


@pytest.mark.few(2)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.not_smoke
def test_a_run_comes_to_the_same_end(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rows(made(8, 1).run())
    monkeypatch.setattr(asyncio, "new_event_loop", partial(ReorderedLoop, seed))
    for tasks, concurrent, subscribers in ((1, 1, []), (2, 3, []), (8, 1, [object()]), (8, 3, [])):
        assert rows(made(tasks, concurrent).run(subscribers=subscribers)) == expected
        result = on_reordered_loop(seed, made(tasks, concurrent).run_async)
        assert rows(result) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_gates_let_everybody_in_and_never_too_many(seed: int) -> None:
    runtime = RuntimeConfig(max_concurrent_tasks=3, stage_concurrency={"generation": 2}, provider_concurrency={"p": 1})
    flying, most = {"all": 0, "p": 0}, {"all": 0, "p": 0}

    async def call(admission: Admission, number: int) -> None:
        provider = "p" if number % 3 == 0 else None
        gate = admission.gate((Stage.GENERATE, Stage.REDUCE)[number % 2], provider)
        if not gate.enter_at_once():
            await gate.enter()
        keys = ["all", *([provider] if provider else [])]
        for key in keys:
            flying[key] += 1
            most[key] = max(most[key], flying[key])
        try:
            await asyncio.sleep(0)
        finally:
            for key in keys:
                flying[key] -= 1
            gate.leave()

    async def program() -> None:
        admission = Admission(runtime)
        tasks = [asyncio.create_task(call(admission, number)) for number in range(60)]
        await asyncio.sleep(0)
        for task in tasks[::9]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert admission.waiting == 0
        assert admission.gate(Stage.GENERATE, "p").enter_at_once()  # nothing was taken away for good
        admission.close()

    async def undisturbed() -> None:
        admission = Admission(runtime)
        await asyncio.gather(*(call(admission, number) for number in range(60)))
        assert flying == {"all": 0, "p": 0}
        assert most == {"all": 3, "p": 1}
        admission.close()

    on_reordered_loop(seed, undisturbed)
    on_reordered_loop(seed, program)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_writer_takes_no_more_than_it_has_room_for_and_loses_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "COMMIT_ROWS", 4)
    monkeypatch.setattr(writer_module, "MAX_WAITING_ROWS", 8)
    committed: list[int] = []
    most = 0

    class Store(InMemoryRunStore):
        def append(self, run_id: str, outcomes: Any, ends: Any, **more: Any) -> None:
            nonlocal most
            most = max(most, len(outcomes) + len(ends))
            committed.extend(outcome.case_no for outcome in outcomes)

    async def put(writer: OutcomeWriter, first: int) -> None:
        for no in range(first, 400, 10):
            writer.add(Outcome(no, Stage.GENERATE, 0, ok=True, finished_ms=0, value=None, output='"x"', body="{}"))
            writer.end_case(CaseEnd(no, 0, f"q{no}", b"0" * 16, failed=False, through=Stage.JUDGE))
            if writer.is_full:
                await writer.room()

    async def program() -> None:
        async with OutcomeWriter(Store(), "r", None) as writer:
            await asyncio.gather(*(put(writer, first) for first in range(10)))

    on_reordered_loop(seed, program)
    assert sorted(committed) == list(range(400))
    assert most <= 8 + 2 * 10  # each of ten may find room at the same time
