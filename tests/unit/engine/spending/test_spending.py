"""Single calls under a budget: what they reserve, and that nothing stays reserved for a call that was not made."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.charging_provider import MODEL, Bill, ChargingGenerator, ReplyError
from tests.support.lab import dataset, experiment
from themis.core.config import RuntimeConfig
from themis.core.contexts import GenerateContext
from themis.core.cost.price_file import LongInput, ModelPrices, PriceFile
from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import nano
from themis.core.cost.run_cost import cost_of
from themis.core.cost.spend import read_spend
from themis.core.cost.tokens import MostTokens
from themis.core.engine.spending.account import Account
from themis.core.engine.spending.bound import Bound
from themis.core.engine.spending.bounds import Bounds
from themis.core.engine.spending.budget import Budget
from themis.core.engine.spending.spending import Spending
from themis.core.errors import StoreFullError
from themis.core.models import Case, GenerationResult

CASE = Case(case_id="c", input="x")
CONTEXT = GenerateContext(run_id="r", case_id="c", dataset_id="d", case_key="k", seed=1)


def bounds(most: tuple[int, int]) -> Bounds:
    long = LongInput(above=100_000, input=2, output=20)
    prices = ModelPrices(model=MODEL, input=1, cache_write=1.25, output=10, per_call=0.5, long_input=[long])
    file = PriceFile(Path("prices.yaml"), (prices,))
    return Bounds(ChargingGenerator(Bill(), most=most), PriceList(file), in_usd=True)


def test_a_call_is_bounded_by_the_dearest_kinds_of_its_tokens() -> None:
    found = bounds((1_000, 100)).of(CASE, CONTEXT)
    assert found == Bound(1_000, 100, 500_000_000 + 1_250_000 + 1_000_000)
    assert found.tokens == 1_100


def test_a_call_that_may_have_a_long_input_is_bounded_by_the_price_of_one() -> None:
    assert bounds((100_001, 100)).of(CASE, CONTEXT).nano_usd == 500_000_000 + 200_002_000 + 2_000_000


@pytest.mark.parametrize("most", [(1_000, 100), (100_001, 100)])
def test_a_call_of_unknown_usage_costs_as_much_when_it_is_read_again(most: tuple[int, int]) -> None:
    class Priority(ChargingGenerator):
        def most_tokens(self, case: Case, ctx: Any) -> Any:
            return MostTokens(*most, tier="priority")

    tiers = ModelPrices(model=MODEL, input=1, cache_write=1.25, output=10, tiers={"priority": 2}, per_call=0.5)
    prices = PriceList(PriceFile(Path("prices.yaml"), (tiers,)))
    account = Account(limit=10**12)
    limits = Bounds(Priority(Bill()), prices, in_usd=True)
    spending = Spending("lab:charging", MODEL, 1, Budget(account, None, limits, lambda *_: None))
    bound = asyncio.run(spending.reserve(CASE, CONTEXT))
    spending.settle(bound, None, TimeoutError())
    text = spending.text(closing=True)
    assert text is not None
    found = cost_of([read_spend(text)], prices)
    assert found is not None
    assert found.most_usd is not None
    assert nano(found.most_usd) == bound.nano_usd == account.used
    assert bound.nano_usd == 10**9 + most[0] * 2_500 + most[1] * 20_000


def test_a_reservation_that_cannot_be_written_is_given_back() -> None:
    account = Account(limit=10_000)
    spending = Spending("p", "m", 1, Budget(None, account, bounds((100, 100)), lambda *_: None))

    async def flush() -> None:
        raise StoreFullError(path="here", detail="no room")

    spending.flush = flush
    with pytest.raises(StoreFullError):
        asyncio.run(spending.reserve(CASE, CONTEXT))
    assert (account.in_flight, account.used) == (0, 0)


def test_a_call_that_waits_at_the_gate_until_its_time_is_over_gives_its_reservation_back() -> None:
    class Throttling(ChargingGenerator):
        asked = 0

        async def generate(self, case: Case, ctx: Any) -> GenerationResult:
            self.asked += 1
            if self.asked == 1:
                raise ReplyError(status_code=429, retry_after_s=0.2)
            return await super().generate(case, ctx)

    runtime = {"max_concurrent_tasks": 1, "case_timeout_s": 0.05, "budget": {"tokens": 300}}
    generator = Throttling(Bill(), most=(100, 100))
    lab = experiment(generator, datasets=[dataset(2)], runtime=RuntimeConfig.model_validate(runtime))

    async def run() -> Any:
        async with asyncio.timeout(5):
            return await lab.run_async()

    result = asyncio.run(run())
    assert (result.progress.failed_cases, result.progress.completed_cases) == (1, 1)
    assert generator.asked == 2
