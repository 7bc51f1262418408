"""Setting of the breaker, which stops a run whose provider refuses every call."""

from themis.core.base import FrozenModel
from themis.core.values.bounded_numbers import PositiveCount


class BreakerConfig(FrozenModel):
    """Limit on failures that will repeat.

    Attributes:
        failures: permanent failures of the generator in a row after which the run stops.
    """

    failures: PositiveCount = 5
