"""Upper bounds of single calls, in tokens and in dollars, before they are sent."""

import time
from decimal import Decimal
from typing import Any

from themis.core.cost.package_prices import is_installed
from themis.core.cost.price_file import default_path
from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import nano
from themis.core.cost.spend import CallGroup, Fate, band_of, day_now
from themis.core.cost.tokens import MostTokens, Tokens
from themis.core.engine.spending.asked import model_of, provider_of
from themis.core.engine.spending.bound import Bound
from themis.core.errors import UnboundedCallError, UnknownPriceError

_MEND = "set generation.generator.with.params.max_tokens"


class Bounds:
    """Bounds of the calls of a run's generator."""

    def __init__(self, generator: Any, prices: PriceList, *, in_usd: bool) -> None:
        """Bound the calls of `generator`, `in_usd` by `prices`.

        Raises:
            UnboundedCallError: the generator does not say what a call uses at most.
            UnknownPriceError: its model has no price.
        """
        self._provider, self._model = provider_of(generator), model_of(generator)
        self._most_tokens: Any = getattr(generator, "most_tokens", None)
        if self._most_tokens is None:
            why = f"generator {generator.component_id!r} does not say how many tokens a call uses at most"
            raise UnboundedCallError(why=why, mend="give it a method most_tokens(case, ctx), or take out the budget")
        self._prices = prices
        self._in_usd = in_usd
        if in_usd:
            self._highest_usd(Tokens(), "")

    def of(self, case: Any, ctx: Any) -> Bound:
        """Return the bound of a call.

        Raises:
            UnboundedCallError: nothing bounds its input, or its output.
        """
        found = self._most_tokens(case, ctx)
        inside: int | None = found[0]
        outside: int | None = found[1]
        if inside is None or outside is None:
            limits = self._prices.limits(self._provider, self._model, self._group(0, "").date)
            inside = limits.context_tokens if inside is None else inside
            outside = (limits.output_tokens or limits.context_tokens) if outside is None else outside
        model = self._model or self._provider
        if inside is None:
            why = f"the input of case {case.case_id!r} refers to what has no known size"
            raise UnboundedCallError(why=why, mend=f"set context_tokens of {model} in {default_path()}")
        if outside is None:
            why = f"nothing limits the length of the answers of {model}"
            raise UnboundedCallError(why=why, mend=f"{_MEND}, or max_output_tokens of the model in {default_path()}")
        tier = found.tier if isinstance(found, MostTokens) else ""
        usd = self._highest_usd(Tokens(input=inside, output=outside), tier) if self._in_usd else Decimal()
        return Bound(inside, outside, nano(usd), tier)

    def _highest_usd(self, tokens: Tokens, tier: str) -> Decimal:
        found = self._prices.highest(self._group(band_of(tokens.input), tier), tokens)
        if found is None:
            raise unknown_price(self._provider, self._model)
        return sum(found.values(), Decimal())

    def _group(self, band: int, tier: str) -> CallGroup:
        return CallGroup(day_now(time.time_ns()), self._provider, self._model, "", tier, band, Fate.UNKNOWN)


def unknown_price(provider: str, model: str) -> UnknownPriceError:
    """Return the error of a model without a price."""
    mend = "" if is_installed() else " (or pip install 'themis-eval[prices]')"
    return UnknownPriceError(
        model=model or "the model", provider=provider or "its provider", path=default_path(), mend=mend
    )
