"""What a run asks of Python's interpreter, and gives back."""

import asyncio
import gc
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lab import ScriptedGenerator, ScriptedMetric, experiment
from themis.core.contexts import GenerateContext
from themis.core.engine.calls import interpreter
from themis.core.engine.calls.interpreter import SWITCH_S, YOUNG_OBJECTS
from themis.core.engine.task_pool import BREATH_S
from themis.core.models import Case, GenerationResult

Settings = tuple[float, tuple[int, int, int]]


def settings() -> Settings:
    return sys.getswitchinterval(), gc.get_threshold()


@pytest.fixture(autouse=True)
def put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A run that a test before has left to itself still counts as one that goes.
    monkeypatch.setattr(interpreter, "_settings", interpreter._Settings())
    interval, thresholds = settings()
    sys.setswitchinterval(0.005)  # whatever the tests before have left
    gc.set_threshold(700, 10, 10)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


class Looking(ScriptedGenerator):
    """Notes how the interpreter is set while it generates."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Settings] = []

    async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
        self.seen.append(settings())
        result: GenerationResult = await super().generate(case, ctx)
        return result


def test_a_run_makes_threads_take_turns_within_a_breath_and_collects_less_often() -> None:
    generator, before = Looking(), settings()
    experiment(generator).run()
    assert generator.seen
    for interval, (young, *older) in generator.seen:
        assert interval < BREATH_S
        assert (young, tuple(older)) == (YOUNG_OBJECTS, before[1][1:])
    assert settings() == before


def test_what_was_set_before_is_set_again_when_the_last_of_several_runs_ends() -> None:
    before = settings()
    during: list[Settings] = []
    quick_is_over = asyncio.Event()

    class Slow(ScriptedGenerator):
        async def generate(self, case: Case, ctx: GenerateContext) -> GenerationResult:
            await quick_is_over.wait()
            during.append(settings())
            result: GenerationResult = await super().generate(case, ctx)
            return result

    async def both() -> None:
        # The quick one begins first and ends first: what it found is not what the other one found.
        quick = asyncio.create_task(experiment(ScriptedGenerator()).run_async())
        slow = asyncio.create_task(experiment(Slow()).run_async())
        await quick
        quick_is_over.set()
        await slow

    asyncio.run(both())
    assert {interval for interval, _ in during} == {SWITCH_S}
    assert settings() == before


def test_what_was_set_before_is_set_again_when_a_run_fails() -> None:
    before = settings()

    def interrupted(value: Any, case: Case) -> float:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        experiment(metrics=[ScriptedMetric(interrupted)]).run()
    assert settings() == before


def test_a_collector_that_is_off_and_threads_that_are_quicker_stay_so() -> None:
    sys.setswitchinterval(0.0001)
    gc.set_threshold(0)
    generator, before = Looking(), settings()
    experiment(generator).run()
    assert generator.seen
    assert {interval for interval, _ in generator.seen} == {before[0]}
    assert {young for _, (young, _, _) in generator.seen} == {0}
