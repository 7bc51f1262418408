"""Bounds of the concurrency that follows a provider's answers, as a configuration gives them."""

from typing import Self

from pydantic import model_validator

from themis.core.base import FrozenModel
from themis.core.values.bounded_numbers import PositiveCount


class AdaptiveConfig(FrozenModel):
    """Bounds of the concurrency that follows a provider's answers.

    Attributes:
        min: calls in flight that are always allowed.
        start: calls in flight at the beginning; answers raise them.
        max: calls in flight at most, also at the beginning; without it `provider_concurrency`, else
            `max_concurrent_tasks`.
    """

    min: PositiveCount = 1
    start: PositiveCount = 16
    max: PositiveCount | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max is not None and self.min > self.max:
            msg = f"min, {self.min}, is more than max, {self.max}"
            raise ValueError(msg)
        return self
