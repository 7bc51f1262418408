"""Cost of a run in the results of commands, and messages about it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from themis.cli.terminal.output import note
from themis.core.errors import ConfigError

if TYPE_CHECKING:
    from themis.core.cost.run_cost import RunCost


def priced(spends: Iterable[str]) -> "RunCost | None":
    """The cost of the spends of a run's executions; None when it has asked no model.

    None too, with a message, when the user's file of prices is not valid: a result must not be lost for that.
    """
    texts = list(spends)
    if not texts:
        return None
    from themis.core.cost.price_list import PriceList
    from themis.core.cost.run_cost import cost_of
    from themis.core.cost.spend import read_all

    try:
        return cost_of(read_all(texts), PriceList.read())
    except ConfigError as error:
        note(f"the cost is not known: {error}")
        return None


def explain_cost(cost: "RunCost | None") -> None:
    """Print on standard error which models have no price, so that the cost is not known."""
    if cost is not None and cost.unpriced and cost.known.calls:
        explain_unpriced(cost.unpriced)


def explain_unpriced(models: Iterable[str]) -> None:
    """Print on standard error that there is no price of some models, and where to add it."""
    from themis.core.cost.package_prices import is_installed
    from themis.core.cost.price_file import default_path

    package = "" if is_installed() else ", or pip install 'themis-eval[prices]'"
    named = ", ".join(sorted(models))
    note(f"the cost is not known: there is no price of {named}; it can be added to {default_path()}{package}")


def cost_document(spends: Iterable[str]) -> dict[str, Any]:
    """The cost of a run as a part of its JSON; nothing if no model was asked."""
    cost = priced(spends)
    return {} if cost is None else {"cost": cost.document()}
