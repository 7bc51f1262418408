"""Budget of a run: what its calls may use altogether."""

from typing import Self

from pydantic import model_validator

from themis.core.base import FrozenModel
from themis.core.values.bounded_numbers import Dollars, TokenCount


class BudgetConfig(FrozenModel):
    """Limits on what all calls of a run use, over all its attempts.

    Attributes:
        usd: US dollars.
        tokens: input and output tokens together.
    """

    usd: Dollars | None = None
    tokens: TokenCount | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.usd is None and self.tokens is None:
            msg = "sets neither usd nor tokens"
            raise ValueError(msg)
        return self
