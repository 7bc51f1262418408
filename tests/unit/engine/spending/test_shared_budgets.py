"""A budget that several executions of a run share at the same time: together they never exceed it, and leave little."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.support.charging_provider import PRICES, Bill, ChargingGenerator
from tests.support.stores import added_run
from themis.core.config import RuntimeConfig
from themis.core.contexts import GenerateContext
from themis.core.cost.spend import Spend
from themis.core.engine.spending import spending as module
from themis.core.engine.spending import spending_of
from themis.core.engine.spending.spending import Spending
from themis.core.engine.writer import OutcomeWriter
from themis.core.errors import BudgetSpentError
from themis.core.models import Case, GenerationResult
from themis.core.stores import InMemoryRunStore, RunStore
from themis.core.values.budget import BudgetConfig

CASE = Case(case_id="c", input="x")
CONTEXT = GenerateContext(run_id="r", case_id="c", dataset_id="d", case_key="k", seed=1)
MOST = (100, 100)
LIMIT = 20_000


@pytest.fixture(autouse=True)
def _prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    monkeypatch.setenv("THEMIS_PRICES", str(tmp_path / "prices.yaml"))
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "OTHERS_S", 0.3)


class Truth:
    """What all executions have used, and have in flight at most."""

    def __init__(self) -> None:
        self.used = self.in_flight = self.most = 0

    def began(self) -> None:
        self.in_flight += sum(MOST)
        self.most = max(self.most, self.used + self.in_flight)

    def ended(self, used: int) -> None:
        self.in_flight -= sum(MOST)
        self.used += used


def opened(store: RunStore, run_id: str) -> Spending:
    """The spend of one more execution, under the next number."""
    with store.transaction():
        found = store.spends(run_id)
        store.put_spend(run_id, max(found, default=0) + 1, Spend(has_ended=True).text())
    runtime = RuntimeConfig(budget=BudgetConfig(tokens=LIMIT))
    generator = ChargingGenerator(Bill(), most=MOST)
    spending = spending_of(runtime, generator, [], lambda: found, lambda: store.spends(run_id))
    assert spending is not None
    return spending


async def execute(store: RunStore, run_id: str, truth: Truth, chance: random.Random, calls: int, width: int) -> int:
    """Ask `calls` questions, `width` at a time, until the budget is used up; returns how many were asked."""
    spending, asked = opened(store, run_id), 0
    left = iter(range(calls))

    async def work() -> None:
        nonlocal asked
        for _ in left:
            bound = await spending.reserve(CASE, CONTEXT)
            truth.began()
            await asyncio.sleep(chance.uniform(0, 0.01))
            used = chance.randint(1, 60)
            usage = {"prompt_tokens": used, "completion_tokens": used}
            spending.settle(bound, GenerationResult(candidate_id="1", final_output="x", token_usage=usage), None)
            truth.ended(2 * used)
            asked += 1

    async with OutcomeWriter(store, run_id, None, spending) as writer:
        spending.flush = writer.flush
        found = await asyncio.gather(*(work() for _ in range(width)), return_exceptions=True)
    assert all(one is None or isinstance(one, BudgetSpentError) for one in found), found
    return asked


@pytest.mark.parametrize("seed", range(4))
def test_several_executions_together_never_exceed_a_budget_and_use_most_of_it(seed: int) -> None:
    store, chance, truth = InMemoryRunStore(), random.Random(seed), Truth()
    run_id = added_run(store, "d")

    async def all_of_them() -> list[int]:
        widths = [chance.randint(1, 6) for _ in range(4)]
        return await asyncio.gather(*(execute(store, run_id, truth, chance, 400, width) for width in widths))

    asked = asyncio.run(all_of_them())
    assert truth.most <= LIMIT
    assert truth.used > LIMIT - 2 * sum(MOST)
    assert sum(asked) > 200


def test_executions_that_need_less_than_the_budget_are_all_carried_out() -> None:
    store, chance, truth = InMemoryRunStore(), random.Random(7), Truth()
    run_id = added_run(store, "d")

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(execute(store, run_id, truth, chance, 40, 20) for _ in range(4)))

    assert asyncio.run(all_of_them()) == [40] * 4
    assert truth.most <= LIMIT


def test_an_execution_that_was_killed_keeps_what_it_had_reserved(tmp_path: Path) -> None:
    store, chance, truth = InMemoryRunStore(), random.Random(8), Truth()
    run_id = added_run(store, "d")

    async def killed() -> None:
        spending = opened(store, run_id)
        async with OutcomeWriter(store, run_id, None, spending) as writer:
            spending.flush = writer.flush
            for _ in range(90):
                await spending.reserve(CASE, CONTEXT)
                truth.began()
            text = store.spends(run_id)[spending.execution]
        store.put_spend(run_id, spending.execution, text)  # as it was before the end that a killed process never writes

    asyncio.run(killed())
    asyncio.run(execute(store, run_id, truth, chance, 400, 3))
    assert truth.most <= LIMIT
    assert truth.used <= LIMIT - 90 * sum(MOST)
