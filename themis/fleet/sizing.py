"""Size of a fleet: demand in, number of workers out. One rule, for all engines."""

from dataclasses import dataclass

from themis.core.monitor.places.demand import Demand, demand_at
from themis.fleet.spec import FleetSpec


@dataclass(frozen=True, slots=True)
class Missing:
    """Workers to start.

    Attributes:
        lasting: those below the minimum, which stay without work.
        passing: the others, which end when they had no work for a while.
    """

    lasting: int
    passing: int

    @property
    def workers(self) -> int:
        """Number of all."""
        return self.lasting + self.passing


def demand_of(spec: FleetSpec) -> Demand:
    """Return the jobs that call for workers of a fleet.

    Raises:
        OSError: the queue's folder cannot be read.
        StoreError: the store with its rows cannot be read.
    """
    return demand_at(spec.place, spec.policy, spec.workers_begin, spec.maximum * spec.jobs_at_once)


def wanted(spec: FleetSpec, demand: Demand) -> int:
    """Return the number of workers that a fleet should have: a slot for each job, within its bounds."""
    return min(max(-(-demand.jobs // spec.jobs_at_once), spec.minimum), spec.maximum)


def missing(spec: FleetSpec, demand: Demand, there: int) -> Missing:
    """Return the workers to start beside those that are there, or that the engine is about to start.

    None is ended: one without work ends by itself, and one with work is not cut short because others have none.
    """
    count = max(0, wanted(spec, demand) - there)
    lasting = min(count, max(0, spec.minimum - there))
    return Missing(lasting, count - lasting)
