"""Opening of the spend of an execution. Prices are YAML and models of their own: only a budget needs them here."""

from collections.abc import Callable, Mapping
from typing import Any

from themis.core.config import RuntimeConfig
from themis.core.engine.spending.asked import model_of, provider_of
from themis.core.engine.spending.spending import Spending


def refuse_unkept_budget(runtime: RuntimeConfig, generator: Any) -> None:
    """Refuse a budget that cannot be kept, before anything is asked.

    Raises:
        UnknownPriceError, UnboundedCallError: the model has no price, or nothing bounds a call.
        ConfigError: the user's file of prices cannot be read.
    """
    if runtime.budget is not None:
        from themis.core.engine.spending import budgets  # noqa: PLC0415  # see above

        budgets.refuse_unkept(runtime.budget, generator)


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
    if runtime.budget is None:
        return Spending(provider, model, execution, None)
    from themis.core.engine.spending import budgets  # noqa: PLC0415  # see above

    return Spending(provider, model, execution, budgets.budget_of(runtime.budget, generator, spends))
