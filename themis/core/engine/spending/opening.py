"""Opening of the spend of an execution. Prices are YAML and models of their own: only a budget needs them here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from themis.core.components.asked_model import model_of, provider_of
from themis.core.config import RuntimeConfig
from themis.core.cost.spend import read_spend
from themis.core.engine.spending.others import OtherExecutions
from themis.core.engine.spending.spending import Spending


def refuse_unkept_budget(runtime: RuntimeConfig, generator: Any, judges: Sequence[Any] = ()) -> None:
    """Refuse a budget that cannot be kept, before anything is asked.

    Raises:
        UnknownPriceError, UnboundedCallError: a model has no price, or nothing bounds a call.
        ConfigError: the user's file of prices cannot be read.
    """
    if runtime.budget is not None:
        from themis.core.engine.spending import budgets  # noqa: PLC0415  # see above

        budgets.refuse_unkept(runtime.budget, generator, judges)


def spending_of(
    runtime: RuntimeConfig,
    generator: Any,
    judges: Sequence[Any],
    read_spends: Callable[[], Mapping[int, str]],
    read_others: Callable[[], Mapping[int, str]] | None = None,
) -> Spending | None:
    """Return the spend of a new execution of a run; None when nothing that it asks names a provider or a model.

    Args:
        runtime: the budget.
        generator: the run's.
        judges: those that the run may ask.
        read_spends: reads the spends of earlier executions, by their numbers.
        read_others: reads them again, if others are carried out at the same time; None if there are none.

    Raises:
        UnknownPriceError, UnboundedCallError, ConfigError: as `refuse_unkept_budget` does.
    """
    provider, model = provider_of(generator) or "", model_of(generator) or ""
    if runtime.budget is None and not (provider or model or any(provider_of(one) or model_of(one) for one in judges)):
        return None
    stored = {number: read_spend(text) for number, text in read_spends().items()}
    execution = max(stored, default=0) + 1
    if runtime.budget is None:
        return Spending(provider, model, execution, None, stored)
    from themis.core.engine.spending import budgets  # noqa: PLC0415  # see above

    budget = budgets.budget_of(runtime.budget, generator, judges, stored.values())
    found = Spending(provider, model, execution, budget, stored)
    if read_others is not None:
        found.share(OtherExecutions(read_others, execution, budget.highest))
    return found
