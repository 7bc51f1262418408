"""How many calls are in flight, and how often a provider is asked."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lab import ScriptedGenerator, ScriptedReducer, dataset, experiment
from tests.support.virtual_time import run_in_virtual_time, virtual_now
from themis.core.config import RuntimeConfig
from themis.core.engine.limits import Admission, Feedback
from themis.core.engine.limits.sharing.request_rate import CATCH_UP_S, SHARE_OF_QUOTA
from themis.core.outcomes.stages import NAMES, Stage
from themis.core.values.adaptive import AdaptiveConfig

STAGES = (Stage.GENERATE, Stage.REDUCE)
PROVIDERS = (None, "fast", "slow")


@dataclass(frozen=True)
class Call:
    """A call to come: when, whereto, for how long, and when its caller loses patience while it waits."""

    at: float
    stage: Stage
    provider: str | None
    lasts: float
    patience: float | None
    feedback: Feedback | None


feedbacks = st.sampled_from(
    [None, Feedback("answered"), Feedback("failed"), Feedback("throttled"), Feedback("throttled", retry_after_s=3.0)]
)
calls = st.builds(
    Call,
    at=st.integers(0, 20).map(float),
    stage=st.sampled_from(STAGES),
    provider=st.sampled_from(PROVIDERS),
    lasts=st.integers(0, 5).map(float),
    patience=st.none() | st.integers(0, 4).map(float),
    feedback=feedbacks,
)
room = st.integers(1, 3)
runtimes = st.builds(
    RuntimeConfig,
    max_concurrent_tasks=st.integers(1, 5),
    stage_concurrency=st.dictionaries(st.sampled_from([NAMES[stage].concurrency_key for stage in STAGES]), room),
    provider_concurrency=st.dictionaries(st.sampled_from(["fast", "slow"]), room),
    provider_rate_limits=st.dictionaries(st.sampled_from(["fast", "slow"]), st.sampled_from([20.0, 60.0, 600.0])),
    provider_token_limits=st.dictionaries(st.sampled_from(["fast", "slow"]), st.sampled_from([1_000.0, 60_000.0])),
    adaptive=st.none() | st.builds(AdaptiveConfig, start=st.integers(1, 3)),
)


# In so many turns of the loop, at one moment, all calls that last no time have come and gone one after the other.
_TURNS = 90


@dataclass
class Watch:
    """What is seen of the calls that are in flight."""

    runtime: RuntimeConfig
    admission: Admission
    flying: Counter[Any] = field(default_factory=Counter)
    waited: dict[Any, list[int]] = field(default_factory=dict)
    let_in: dict[Any, list[int]] = field(default_factory=dict)
    asked: dict[str, list[float]] = field(default_factory=dict)

    def names(self, call: Call) -> list[str]:
        return ["all", NAMES[call.stage].concurrency_key, *([call.provider] if call.provider else [])]

    def most(self, name: str) -> float:
        known = {**self.runtime.stage_concurrency, **self.runtime.provider_concurrency}
        return self.runtime.max_concurrent_tasks if name == "all" else known.get(name, float("inf"))

    def begin(self, call: Call) -> None:
        for name in self.names(call):
            self.flying[name] += 1
            assert self.flying[name] <= self.most(name), f"more in flight than {name} allows"
        if call.provider:
            self.asked.setdefault(call.provider, []).append(virtual_now())

    def end(self, call: Call) -> None:
        self.flying.subtract(self.names(call))

    async def nothing_is_held_by_who_waits(self) -> None:
        """What is taken is taken by calls in flight, and nobody waits who could go."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        assert self.admission._everything._free == self.runtime.max_concurrent_tasks - self.flying["all"]
        for gate in self.admission._gates.values():
            if any(not turn.may_begin.done() for turn in gate.waiters):
                assert not all(limit.has_room() for limit in gate._limits) or self.is_held_up(gate)

    def is_held_up(self, gate: Any) -> bool:
        """Whether its provider lets nobody in now."""
        wait_s = gate._provider.try_take(virtual_now(), None)
        if wait_s == 0.0:
            gate._provider.give_unused(None)
        return bool(wait_s)


async def make(number: int, call: Call, watch: Watch) -> None:
    await asyncio.sleep(call.at)
    kind = (call.stage, call.provider)
    gate = watch.admission.gate(*kind)
    ticket = gate.ticket("x" * 100)
    if gate.enter_at_once(ticket):
        assert not gate.waiters, "a call overtook another"
    else:
        watch.waited.setdefault(kind, []).append(number)
        try:
            async with asyncio.timeout(call.patience):
                await gate.enter(ticket)
        except TimeoutError:
            return
        watch.let_in.setdefault(kind, []).append(number)
    watch.begin(call)
    try:
        await asyncio.sleep(call.lasts)
    finally:
        watch.end(call)
        gate.leave(ticket, call.feedback if call.provider else None)


@pytest.mark.slow
@settings(max_examples=60)
@given(runtime=runtimes, plan=st.lists(calls, max_size=14))
def test_no_limit_is_exceeded_nothing_locks_up_and_nothing_leaks(runtime: RuntimeConfig, plan: list[Call]) -> None:
    async def program() -> Watch:
        watch = Watch(runtime, Admission(runtime))
        async with asyncio.timeout(10_000):
            await asyncio.gather(*(make(number, call, watch) for number, call in enumerate(plan)))
        await watch.nothing_is_held_by_who_waits()
        assert watch.admission.waiting == 0
        assert all(state.in_flight == 0 for state in watch.admission.states())
        watch.admission.close()
        return watch

    watch = run_in_virtual_time(program())
    for kind, let_in in watch.let_in.items():
        stayed = [number for number in watch.waited[kind] if number in let_in]
        assert let_in == stayed, "a call overtook another"
    for provider, times in watch.asked.items():
        rate = runtime.provider_rate_limits.get(provider)
        if rate is not None:
            for count, time in enumerate(times):
                assert count <= (time - times[0] + CATCH_UP_S) * rate / 60 + 1e-6


def test_a_waiting_call_takes_nothing_from_a_limit_that_has_room() -> None:
    runtime = RuntimeConfig(max_concurrent_tasks=2, provider_concurrency={"slow": 1})

    async def program() -> None:
        admission = Admission(runtime)
        slow, other = admission.gate(Stage.GENERATE, "slow"), admission.gate(Stage.REDUCE)
        assert slow.enter_at_once()
        waiting = asyncio.create_task(slow.enter())
        await asyncio.sleep(0)
        assert other.enter_at_once()
        assert not waiting.done()
        slow.leave()
        await waiting
        admission.close()

    run_in_virtual_time(program())


def test_a_call_cancelled_as_it_is_let_in_gives_back_what_it_took() -> None:
    async def program() -> None:
        admission = Admission(RuntimeConfig(max_concurrent_tasks=1))
        gate = admission.gate(Stage.GENERATE)
        assert gate.enter_at_once()
        first, second = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        gate.leave()
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        await asyncio.wait_for(second, 1)
        gate.leave()
        assert gate.enter_at_once()

    run_in_virtual_time(program())


def test_who_waits_is_not_overtaken_by_who_comes_later() -> None:
    async def program() -> None:
        admission = Admission(RuntimeConfig(max_concurrent_tasks=1))
        gate = admission.gate(Stage.GENERATE)
        assert gate.enter_at_once()
        waiting = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        gate.leave()
        assert not gate.enter_at_once()
        await waiting

    run_in_virtual_time(program())


def test_a_gate_is_the_same_for_the_same_stage_and_provider() -> None:
    admission = Admission(RuntimeConfig())
    assert admission.gate(Stage.GENERATE, "a") is admission.gate(Stage.GENERATE, "a")
    assert admission.gate(Stage.GENERATE, "a") is not admission.gate(Stage.GENERATE, "b")
    admission.close()


def test_a_provider_is_asked_no_more_often_than_its_rate() -> None:
    async def program() -> list[float]:
        admission = Admission(RuntimeConfig(provider_rate_limits={"p": 60.0}))
        gate = admission.gate(Stage.GENERATE, "p")
        times: list[float] = []

        async def ask() -> None:
            if not gate.enter_at_once():
                await gate.enter()
            times.append(virtual_now())
            gate.leave()

        await asyncio.gather(*(ask() for _ in range(6)))
        admission.close()
        return times

    times = run_in_virtual_time(program())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == pytest.approx([60 / (60 * SHARE_OF_QUOTA)] * 5)


def test_without_a_rate_nothing_is_spaced() -> None:
    async def program() -> float:
        started = virtual_now()
        admission = Admission(RuntimeConfig(max_concurrent_tasks=3))
        gate = admission.gate(Stage.GENERATE, "p")
        for _ in range(10_000):
            assert gate.enter_at_once()
            gate.leave()
        admission.close()
        return virtual_now() - started

    assert run_in_virtual_time(program()) == 0.0
    assert RuntimeConfig().provider_rate_limits == {}
    assert RuntimeConfig().provider_concurrency == {}


class Meter:
    """Counts calls in flight."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def work(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.002)
        self.now -= 1


def metered(meter: Meter, **facts: Any) -> ScriptedGenerator:
    async def answer(case: Any) -> Any:
        await meter.work()
        return case.input

    generator = ScriptedGenerator(lambda case, ctx: answer(case))
    for name, value in facts.items():
        setattr(generator, name, value)
    return generator


@pytest.mark.parametrize(
    "runtime",
    [
        RuntimeConfig(max_concurrent_tasks=3),
        RuntimeConfig(stage_concurrency={"generation": 3}),
        RuntimeConfig(provider_concurrency={"lab:here": 3}),
    ],
)
def test_a_run_keeps_every_limit_and_uses_it(runtime: RuntimeConfig) -> None:
    meter = Meter()
    generator = metered(meter, provider_key="lab:here")
    result = experiment(generator, samples=2, datasets=[dataset(20)], runtime=runtime).run()
    assert result.status == "completed"
    assert len(generator.calls) == 40
    assert meter.most == 3


def test_one_slot_is_enough_for_every_stage() -> None:
    runtime = RuntimeConfig(
        max_concurrent_tasks=1, stage_concurrency={"generation": 1, "reduction": 1, "scoring": 1, "parsing": 1}
    )
    reducer = ScriptedReducer(lambda candidates: candidates[0].final_output, component_id="lab/reducer")
    result = experiment(metered(Meter()), samples=3, reducer=reducer, runtime=runtime).run()
    assert result.status == "completed"
    assert result.progress.completed_cases == 3


def test_the_limit_of_another_provider_does_not_count() -> None:
    meter = Meter()
    generator = metered(meter, provider_key="lab:here")
    runtime = RuntimeConfig(max_concurrent_tasks=8, provider_concurrency={"lab:there": 1})
    experiment(generator, datasets=[dataset(40)], runtime=runtime).run()
    assert meter.most == 8


def test_however_many_wait_for_a_rate_one_timer_wakes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        call_later, timers = loop.call_later, []

        def remembered(*arguments: Any) -> asyncio.TimerHandle:
            timers.append(call_later(*arguments))
            return timers[-1]

        monkeypatch.setattr(loop, "call_later", remembered)
        admission = Admission(RuntimeConfig(provider_rate_limits={"slow": 60.0}))
        gate = admission.gate(Stage.GENERATE, "slow")
        assert gate.enter_at_once()
        waiting = [asyncio.ensure_future(gate.enter()) for _ in range(5)]
        await asyncio.sleep(0)
        assert [timer.cancelled() for timer in timers] == [True] * 4 + [False]
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        admission.close()

    asyncio.run(program())
