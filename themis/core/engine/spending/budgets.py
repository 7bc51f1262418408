"""Budget of an execution: its limits, what was spent before, and the prices; imported only for a run that has one."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import NANO, nano
from themis.core.cost.run_cost import RunCost, cost_of
from themis.core.cost.spend import CallGroup, read_all
from themis.core.cost.tokens import Tokens
from themis.core.engine.spending.account import Account
from themis.core.engine.spending.asked import provider_of
from themis.core.engine.spending.bounds import Bounds, unknown_price
from themis.core.engine.spending.spending import Budget
from themis.core.values.budget import BudgetConfig


def refuse_unkept(config: BudgetConfig, generator: Any) -> None:
    """Refuse a budget that cannot be kept; see `refuse_unkept_budget`."""
    Bounds(generator, PriceList.read(), in_usd=config.usd is not None)


def budget_of(config: BudgetConfig, generator: Any, spends: Mapping[int, str]) -> Budget:
    """Return the budget of an execution; `spends` are those of the earlier ones.

    Raises:
        UnknownPriceError, UnboundedCallError, ConfigError: it cannot be kept.
    """
    in_usd = config.usd is not None
    prices = PriceList.read()
    bounds = Bounds(generator, prices, in_usd=in_usd)
    before = cost_of(read_all(spends.values()), prices) or RunCost()
    usd = tokens = None
    if config.usd is not None:
        if before.most_usd is None:
            raise unknown_price(provider_of(generator), ", ".join(sorted(before.unpriced)))
        usd = Account(limit=int(Decimal(str(config.usd)) * NANO), before=nano(before.most_usd))
    if config.tokens is not None:
        tokens = Account(limit=config.tokens, before=before.most_tokens)

    def price(group: CallGroup, used: Tokens) -> int | None:
        rates = prices.rates(group) if in_usd else None
        return None if rates is None else nano(rates.total(used))

    return Budget(usd, tokens, bounds, price)
