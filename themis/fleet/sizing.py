"""Size of a fleet: demand in, number of workers out. One rule, for all engines."""

from dataclasses import dataclass
from pathlib import Path

from themis.core.errors import QueueRootError
from themis.core.monitor.places.demand import Demand, demand_at
from themis.core.text.counts import counted
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
        QueueRootError: it has a file in the place of the queue's folder.
        OSError: the queue's folder cannot be read.
        StoreError: the store with its rows cannot be read.
    """
    if isinstance(spec.place, Path) and spec.place.exists() and not spec.place.is_dir():
        raise QueueRootError(path=spec.place, detail="is not a folder")
    return demand_at(spec.place, spec.policy, spec.workers_begin, spec.maximum * spec.jobs_at_once)


def wanted(spec: FleetSpec, demand: Demand) -> int:
    """Return the number of workers that a fleet should have: a slot for each job, within its bounds."""
    return min(max(-(-demand.jobs // spec.jobs_at_once), spec.minimum), spec.maximum)


def why_none(spec: FleetSpec, demand: Demand, there: int) -> str | None:
    """Return why a fleet starts no worker; None when it does, or has all that it may have."""
    if missing(spec, demand, there).workers or spec.minimum == spec.maximum:
        return None
    if there:
        return f"this fleet has {counted(there, 'worker')} already; what runs or waits keeps the options of its start"
    if isinstance(spec.place, Path) and not spec.place.exists():
        return f"there is no queue at {spec.place} yet: it is made by the first submit"
    if demand.left:
        more = f"; and {len(demand.left) - 1:,} other reasons" if len(demand.left) > 1 else ""
        return f"these workers would leave jobs that wait: one {demand.left[0]}{more}"
    return "no job waits for such workers"


def missing(spec: FleetSpec, demand: Demand, there: int) -> Missing:
    """Return the workers to start beside those that are there, or that the engine is about to start.

    None is ended: one without work ends by itself, and one with work is not cut short because others have none.
    """
    count = max(0, wanted(spec, demand) - there)
    lasting = min(count, max(0, spec.minimum - there))
    return Missing(lasting, count - lasting)
