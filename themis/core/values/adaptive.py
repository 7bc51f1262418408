"""Concurrency that follows a provider's answers: its bounds as a configuration gives them, and what is known so far."""

import math
from dataclasses import dataclass
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
    start: PositiveCount = 32
    max: PositiveCount | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max is not None and self.min > self.max:
            msg = f"min, {self.min}, is more than max, {self.max}"
            raise ValueError(msg)
        return self


@dataclass(slots=True)
class AdaptiveState:
    """Knowledge from the answers of a provider so far; times are those of one clock, in seconds.

    Attributes:
        limit: calls that may be in flight.
        borne: the limit at which the provider throttled; infinite until then.
        decreased_at: time of the last decrease; never: minus infinity.
        decreased_to: the limit after it.
        increased_at: time of the last answer that counted; never: minus infinity.
        answered_since: whether a call that began after the last decrease was answered.
        recovers_from: when the recovery by time began; None when there is none.
    """

    limit: float
    borne: float = math.inf
    decreased_at: float = -math.inf
    decreased_to: float = 0.0
    increased_at: float = -math.inf
    answered_since: bool = True
    recovers_from: float | None = None
