"""Price list: the user's file first, then the package of prices; a model in neither has no price, which is not 0."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from os import environ
from typing import NamedTuple

from themis.core.cost import package_prices
from themis.core.cost.price_file import PriceFile, read_price_file
from themis.core.cost.rates import Rates
from themis.core.cost.spend import CallGroup
from themis.core.cost.tokens import Tokens


class ModelLimits(NamedTuple):
    """Bounds of a model's calls; None where they are unknown.

    Attributes:
        context_tokens: tokens of input and output together.
        output_tokens: of an answer.
    """

    context_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class PriceList:
    """Prices of models.

    Attributes:
        file: those of the user.
    """

    file: PriceFile
    _known: dict[tuple[object, ...], Rates | None] = field(default_factory=dict)

    @classmethod
    def read(cls, variables: Mapping[str, str] = environ) -> "PriceList":
        """Return the list that holds here.

        Raises:
            ConfigError: the user's file cannot be read, or does not hold prices.
        """
        return cls(read_price_file(variables))

    def rates(self, group: CallGroup) -> Rates | None:
        """Return the rates of calls; None when no price of their model is known.

        The file is searched for the model that answered, then for the one that was asked, then the package likewise.
        """
        key = (*group[:5], group.band)
        if key not in self._known:
            self._known[key] = self._find(group)
        return self._known[key]

    def highest(self, group: CallGroup, tokens: Tokens, calls: int = 1) -> dict[str, Decimal] | None:
        """Return the most US dollars of calls whose tokens are upper bounds; None when no price is known.

        A long input may have another price, but need not become that long.
        """
        rates = [self.rates(group._replace(band=band)) for band in {0, group.band}]
        found = [rate.highest(tokens, calls) for rate in rates if rate is not None]
        return max(found, key=lambda usd: sum(usd.values())) if len(found) == len(rates) else None

    def limits(self, provider: str, model: str, day: date) -> ModelLimits:
        """Return what is known about the size of a model's calls."""
        mine, packaged = self.file.find(provider, model, day), package_prices.find(provider, model)
        context = mine.context_tokens if mine is not None else None
        if context is None and packaged is not None:
            context = packaged.context_tokens
        return ModelLimits(context, mine.max_output_tokens if mine is not None else None)

    def _find(self, group: CallGroup) -> Rates | None:
        names = [name for name in (group.served, group.model) if name]
        for name in names:
            mine = self.file.find(group.provider, name, group.date)
            if mine is not None:
                return mine.rates(group.tier, group.input_tokens)
        for name in names:
            packaged = package_prices.find(group.provider, name)
            rates = None if packaged is None else packaged.rates(group.date, group.tier, group.input_tokens)
            if rates is not None:
                return rates
        return None
