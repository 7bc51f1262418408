"""Calls that are cancelled wherever they are lose no unit of any limit."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.virtual_time import run_in_virtual_time, virtual_now
from themis.core.config import RuntimeConfig
from themis.core.engine.limits import Admission, Feedback
from themis.core.engine.limits.sharing.request_rate import SHARE_OF_QUOTA
from themis.core.outcomes.stages import Stage
from themis.core.values.adaptive import AdaptiveConfig

RUNTIME = RuntimeConfig(
    max_concurrent_tasks=6,
    provider_concurrency={"p": 4},
    provider_rate_limits={"p": 600.0},
    provider_token_limits={"p": 600_000.0},
    adaptive=AdaptiveConfig(start=2),
)


async def storm(dice: random.Random, admissions: list[Admission]) -> None:
    """Calls of several runs, most of which are cancelled at a random moment."""

    async def call(admission: Admission) -> None:
        await asyncio.sleep(dice.random())
        gate = admission.gate(Stage.GENERATE, "p")
        ticket = gate.ticket("x" * dice.randint(0, 4_000))
        if not gate.enter_at_once(ticket):
            await gate.enter(ticket)
        feedback = None
        try:
            await asyncio.sleep(dice.choice([0.0, 0.3]))
            usage = {"prompt_tokens": 5, "completion_tokens": dice.randint(0, 900)}
            feedback = dice.choice([Feedback("answered", usage), Feedback("throttled", retry_after_s=0.2)])
        finally:
            gate.leave(ticket, feedback)

    tasks = [asyncio.create_task(call(admission)) for admission in admissions for _ in range(30)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(dice.choice([0.0, 0.0, 0.05]))
        if dice.random() < 0.5:
            dice.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.slow
@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), runs=st.integers(1, 3))
def test_after_a_storm_everything_is_free_again(seed: int, runs: int) -> None:
    async def program() -> None:
        admissions = [Admission(RUNTIME) for _ in range(runs)]
        for admission in admissions:
            admission.gate(Stage.GENERATE, "p")
        async with asyncio.timeout(600.0):
            await storm(random.Random(seed), admissions)
        for admission in admissions:
            assert admission.waiting == 0
            assert admission._everything._free == RUNTIME.max_concurrent_tasks
            assert [(state.in_flight, state.waiting) for state in admission.states()] == [(0, 0)]
        await asyncio.sleep(100.0)
        gate = admissions[0].gate(Stage.GENERATE, "p")
        for _ in range(200):
            gate.leave() if gate.enter_at_once() else await passed(gate)
        for admission in admissions:
            admission.close()

    run_in_virtual_time(program())


async def passed(gate: Any) -> None:
    await asyncio.wait_for(gate.enter(), 5.0)
    gate.leave()


@pytest.mark.parametrize("kind", ["requests", "tokens"])
def test_a_call_that_was_let_in_and_not_made_counts_for_nothing(kind: str) -> None:
    limits = {"provider_rate_limits": {"p": 60.0}} if kind == "requests" else {"provider_token_limits": {"p": 266.0}}

    async def program() -> float:
        admission = Admission(RuntimeConfig(max_concurrent_tasks=1, **limits))  # type: ignore[arg-type]
        gate = admission.gate(Stage.GENERATE, "p")
        first = gate.ticket("x" * 40)
        assert gate.enter_at_once(first)
        await asyncio.sleep(200.0)
        ticket = gate.ticket("x" * 40)
        waiting = asyncio.create_task(gate.enter(ticket))
        await asyncio.sleep(0)
        gate.leave(first, Feedback("answered"))  # lets the next one in, which is cancelled before it begins
        waiting.cancel()
        await asyncio.wait([waiting])
        began = virtual_now()
        next_one = gate.ticket("x" * 40)
        if not gate.enter_at_once(next_one):
            await gate.enter(next_one)
        gate.leave(next_one)
        admission.close()
        return virtual_now() - began

    assert run_in_virtual_time(program()) < 0.5 * 60 / (60 * SHARE_OF_QUOTA)
