"""Rates of a model: US dollars per token of each kind, at one day, in one service tier, for one length of input."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from themis.core.cost.tokens import KINDS, Tokens

MILLION = Decimal(1_000_000)
NANO = Decimal(1_000_000_000)

_INSTEAD = {
    "cached_input": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "reasoning": "output",
}
"""Kinds that are charged like another one where they have no price of their own."""


class Rates(NamedTuple):
    """US dollars per million tokens of each kind.

    Attributes:
        by_kind: a price for each of `KINDS`.
        per_call: US dollars for each call.
        source: where they come from.
    """

    by_kind: Mapping[str, Decimal]
    per_call: Decimal
    source: str

    def cost(self, tokens: Tokens, calls: int = 1) -> dict[str, Decimal]:
        """Return US dollars by kind, and under `calls` those for the calls themselves."""
        found = {kind: self.by_kind[kind] * count / MILLION for kind, count in zip(KINDS, tokens, strict=True)}
        return {**found, "calls": self.per_call * calls}

    def total(self, tokens: Tokens, calls: int = 1) -> Decimal:
        """Return US dollars altogether."""
        return sum(self.cost(tokens, calls).values(), Decimal())

    def highest(self, tokens: Tokens, calls: int = 1) -> dict[str, Decimal]:
        """Return the most US dollars that tokens of input and of output can cost, whatever kind they are of."""
        dearest_input = max(self.by_kind[kind] for kind in ("input", "cached_input", "cache_write", "cache_write_1h"))
        dearest_output = max(self.by_kind[kind] for kind in ("output", "reasoning"))
        return {
            "input": dearest_input * tokens.of_input / MILLION,
            "output": dearest_output * (tokens.output + tokens.reasoning) / MILLION,
            "calls": self.per_call * calls,
        }


def rates_from(prices: Mapping[str, Decimal | None], per_call: Decimal, source: str) -> Rates | None:
    """Return rates from prices per million tokens by kind; None without those of input and output.

    A kind without a price is charged like a wider one: cached and written input like input, reasoning like output.
    """
    if prices.get("input") is None or prices.get("output") is None:
        return None
    by_kind: dict[str, Decimal] = {}
    for kind in ("input", "cached_input", "cache_write", "cache_write_1h", "output", "reasoning"):
        price = prices.get(kind)
        by_kind[kind] = by_kind[_INSTEAD[kind]] if price is None else price
    return Rates(by_kind, per_call, source)


def nano(usd: Decimal) -> int:
    """Return billionths of a dollar, rounded up: what is counted is never less than what is charged."""
    return int((usd * NANO).to_integral_value(rounding="ROUND_CEILING"))
