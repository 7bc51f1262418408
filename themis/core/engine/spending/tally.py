"""Tally of calls: their tokens, by what decides their price, and whether the store knows of all of them."""

import time

from themis.core.cost.spend import CallGroup, Spend, band_of, day_now
from themis.core.cost.tokens import Tokens
from themis.core.engine.spending.bound import Bound
from themis.core.engine.spending.charges import Charge


class Tally:
    """Calls of one model, added to a spend.

    Attributes:
        spend: what is stored of them.
        has_changed: whether it is to be stored again.
        asked: the provider, else the model, for messages.
    """

    def __init__(self, provider: str, model: str, spend: Spend, *, of_judge: bool = False) -> None:
        """Count the calls of `model` at `provider`: a generator's, or a judge's."""
        self.spend = spend
        self.asked = provider or model
        self._of_judge = of_judge
        self.has_changed = False
        self._provider = provider
        self._model = model

    def count(self, charge: Charge, bound: Bound | None) -> tuple[CallGroup, Tokens]:
        """Add a call that has ended; returns its group and its tokens: those of `bound` if nobody has counted them."""
        tokens = charge.tokens
        if tokens is None:
            tokens = Tokens()
            if bound is not None:
                tokens, charge = Tokens(input=bound.input, output=bound.output), charge._replace(tier=bound.tier)
        day, band = day_now(time.time_ns()), band_of(tokens.of_input)
        group = CallGroup(day, self._provider, self._model, charge.served, charge.tier, band, charge.fate)
        self.spend.add(group, 1, tokens, of_judge=self._of_judge)
        self.has_changed = True
        return group, tokens
