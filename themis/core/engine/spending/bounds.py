"""Upper bounds of single calls, in tokens and in dollars, before they are sent."""

import time
from decimal import Decimal
from typing import Any

from themis.core.components.asked_model import model_of, provider_of
from themis.core.cost.package_prices import is_installed
from themis.core.cost.price_file import default_path
from themis.core.cost.price_list import PriceList
from themis.core.cost.rates import nano
from themis.core.cost.spend import CallGroup, Fate, band_of, day_now
from themis.core.cost.tokens import MostTokens, Tokens
from themis.core.engine.spending.bound import Bound
from themis.core.errors import UnboundedCallError, UnknownPriceError
from themis.core.models import Case

_MEND = "set generation.generator.with.params.max_tokens"
_JUDGES_MEND = "set params.max_tokens of the judge"


class Bounds:
    """Bounds of the calls of one model: a run's generator, or a judge."""

    def __init__(self, asked: Any, prices: PriceList, *, in_usd: bool, is_judge: bool = False) -> None:
        """Bound the calls of the component `asked`, `in_usd` by `prices`.

        Raises:
            UnboundedCallError: the component does not say what a call uses at most.
            UnknownPriceError: its model has no price.
        """
        self._provider, self._model = provider_of(asked) or "", model_of(asked) or ""
        self._mend = _JUDGES_MEND if is_judge else _MEND
        self._most_tokens: Any = getattr(asked, "most_tokens", None)
        if self._most_tokens is None:
            kind, takes = ("judge", "prompt") if is_judge else ("generator", "case, ctx")
            why = f"{kind} {asked.component_id!r} does not say how many tokens a call uses at most"
            raise UnboundedCallError(why=why, mend=f"give it a method most_tokens({takes}), or take out the budget")
        self._prices = prices
        self._in_usd = in_usd
        if in_usd:
            self._highest_usd(Tokens(), "")

    def of(self, subject: Any, *asked: Any, tier: str | None = None) -> Bound:
        """Return the bound of a call: about a case, or with a judge's prompt, and the other arguments of the call.

        Args:
            subject: the case, or the prompt.
            asked: the other arguments.
            tier: the tier that the call is in, whatever it asks for; None for the one that it asks for.

        Raises:
            UnboundedCallError: nothing bounds its input, or its output.
        """
        found = self._most_tokens(subject, *reversed(asked))  # the context, and the continuations if there are any
        inside: int | None = found[0]
        outside: int | None = found[1]
        if inside is None or outside is None:
            limits = self._prices.limits(self._provider, self._model, self._group(0, "").date)
            inside = limits.context_tokens if inside is None else inside
            outside = (limits.output_tokens or limits.context_tokens) if outside is None else outside
        model = self._model or self._provider
        if inside is None:
            of = f"case {subject.case_id!r}" if isinstance(subject, Case) else "a judge's prompt"
            why = f"the input of {of} refers to what has no known size"
            raise UnboundedCallError(why=why, mend=f"set context_tokens of {model} in {default_path()}")
        if outside is None:
            why = f"nothing limits the length of the answers of {model}"
            raise UnboundedCallError(
                why=why, mend=f"{self._mend}, or max_output_tokens of the model in {default_path()}"
            )
        if tier is None:
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
