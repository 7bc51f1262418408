"""Opening of the spend of an execution: what was spent before, and whether the budget can be kept at all."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from themis.core.config import RuntimeConfig
from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import NANO, nano
from themis.core.cost.run_cost import RunCost, cost_of
from themis.core.cost.spend import CallGroup, read_all
from themis.core.cost.tokens import Tokens
from themis.core.engine.spending.account import Account
from themis.core.engine.spending.bounds import Bounds, model_of, provider_of, unknown_price
from themis.core.engine.spending.spending import Budget, Spending


def refuse_unkept_budget(runtime: RuntimeConfig, generator: Any) -> None:
    """Refuse a budget that cannot be kept, before anything is asked.

    Raises:
        UnknownPriceError, UnboundedCallError: the model has no price, or nothing bounds a call.
        ConfigError: the user's file of prices cannot be read.
    """
    if runtime.budget is not None:
        Bounds(generator, PriceList.read(), in_usd=runtime.budget.usd is not None)


def spending_of(
    runtime: RuntimeConfig, generator: Any, read_spends: Callable[[], Mapping[int, str]]
) -> Spending | None:
    """Return the spend of a new execution of a run; None for a generator that names neither a provider nor a model.

    Args:
        runtime: the budget.
        generator: the run's.
        read_spends: reads the spends of earlier executions, by their numbers.

    Raises:
        UnknownPriceError, UnboundedCallError, ConfigError: as `refuse_unkept_budget` does.
    """
    provider, model = provider_of(generator), model_of(generator)
    if runtime.budget is None and not (provider or model):
        return None
    spends = read_spends()
    execution = max(spends, default=0) + 1
    config = runtime.budget
    if config is None:
        return Spending(provider, model, execution, None)
    in_usd = config.usd is not None
    prices = PriceList.read()
    bounds = Bounds(generator, prices, in_usd=in_usd)
    before = cost_of(read_all(spends.values()), prices) or RunCost()
    usd = tokens = None
    if config.usd is not None:
        if before.most_usd is None:
            raise unknown_price(provider, ", ".join(sorted(before.unpriced)))
        usd = Account(limit=int(Decimal(str(config.usd)) * NANO), before=nano(before.most_usd))
    if config.tokens is not None:
        tokens = Account(limit=config.tokens, before=before.most_tokens)

    def price(group: CallGroup, used: Tokens) -> int | None:
        rates = prices.rates(group) if in_usd else None
        return None if rates is None else nano(rates.total(used))

    return Spending(provider, model, execution, Budget(usd, tokens, bounds, price))
