"""Budget of an execution: its limits, what was spent before, and the prices; imported only for a run that has one."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from themis.core.components.asked_model import provider_of
from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import NANO, nano
from themis.core.cost.run_cost import RunCost, cost_of
from themis.core.cost.spend import CallGroup, Spend
from themis.core.cost.tokens import Tokens
from themis.core.engine.spending.account import Account
from themis.core.engine.spending.bound import Bound
from themis.core.engine.spending.bounds import Bounds, unknown_price
from themis.core.engine.spending.budget import Budget
from themis.core.values.budget import BudgetConfig


def refuse_unkept(config: BudgetConfig, generator: Any, judges: Sequence[Any]) -> None:
    """Refuse a budget that cannot be kept; see `refuse_unkept_budget`."""
    prices, in_usd = PriceList.read(), config.usd is not None
    Bounds(generator, prices, in_usd=in_usd)
    for judge in judges:
        Bounds(judge, prices, in_usd=in_usd, is_judge=True)


def budget_of(config: BudgetConfig, generator: Any, judges: Sequence[Any], stored: Iterable[Spend]) -> Budget:
    """Return the budget of an execution.

    Args:
        config: its limits.
        generator: the run's.
        judges: those that the run may ask.
        stored: the spends of the run so far; those of batches are counted by `BatchSpends`.

    Raises:
        UnknownPriceError, UnboundedCallError, ConfigError: it cannot be kept.
    """
    in_usd = config.usd is not None
    prices = PriceList.read()
    bounds = Bounds(generator, prices, in_usd=in_usd)
    of_judges = {id(judge): Bounds(judge, prices, in_usd=in_usd, is_judge=True) for judge in judges}

    def highest(spends: Iterable[Spend]) -> Bound:
        cost = cost_of(spends, prices) or RunCost()
        if not in_usd:
            return Bound(cost.most_tokens, 0, 0)
        if cost.most_usd is None:
            raise unknown_price(provider_of(generator) or "", ", ".join(sorted(cost.unpriced)))
        return Bound(cost.most_tokens, 0, nano(cost.most_usd))

    def price(group: CallGroup, used: Tokens) -> int | None:
        rates = prices.rates(group) if in_usd else None
        return None if rates is None else nano(rates.total(used))

    before = highest(spend for spend in stored if spend.batch is None)
    usd = tokens = None
    if config.usd is not None:
        usd = Account(limit=int(Decimal(str(config.usd)) * NANO), before=before.nano_usd)
    if config.tokens is not None:
        tokens = Account(limit=config.tokens, before=before.tokens)
    return Budget(usd, tokens, bounds, price, lambda spend: highest([spend]), of_judges)
