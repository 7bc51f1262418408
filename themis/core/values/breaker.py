"""Setting of the breaker, which stops a run whose cases fail one after the other."""

from themis.core.base import FrozenModel
from themis.core.values.bounded_numbers import PositiveCount

REFUSALS = 5
"""Failures in a row that will repeat, after which a run stops unless it says otherwise."""

OF_ONE_KIND = 50
"""The same for failures of any other kind, which may be those of single cases."""


class BreakerConfig(FrozenModel):
    """Limit on failures in a row.

    Attributes:
        failures: failures in a row after which the run stops: refusals of a model that will repeat, or failures of one
            kind of any other cause. None for 5 refusals, and for 50 of one kind, or as many as calls may be in flight.
    """

    failures: PositiveCount | None = None
