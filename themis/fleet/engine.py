"""Port of an engine: what is asked of Slurm, Kubernetes and Ray alike."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from themis.fleet.spec import FleetSpec


@dataclass(frozen=True, slots=True)
class PlacedWorker:
    """Worker as its engine sees it.

    Attributes:
        id: the engine's name for it.
        state: the engine's word for its state, in small letters.
        active: whether it runs, or is going to run.
        node: the node; None before it has one.
        why: the engine's reason for that state.
        since: when it was started, or how long it runs, as the engine says.
    """

    id: str
    state: str
    active: bool
    node: str | None = None
    why: str | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """Answer of an engine to what it was told to start.

    Attributes:
        submitted: the engine's names of what was submitted.
        workers: number of workers that they begin now.
        hints: what a person should know or do next.
    """

    submitted: tuple[str, ...] = ()
    workers: int = 0
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """A fleet as its engine sees it.

    Attributes:
        workers: its workers, those that have ended too as long as the engine knows them.
        scaler: what adjusts its size; None if nothing does.
        notes: what a person should know.
    """

    workers: tuple[PlacedWorker, ...] = ()
    scaler: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def active(self) -> int:
        """Number of workers that run, or are going to run."""
        return sum(worker.active for worker in self.workers)

    @property
    def counts(self) -> dict[str, int]:
        """Number of workers in each state."""
        return dict(Counter(worker.state for worker in self.workers))

    def document(self) -> dict[str, Any]:
        """The status as JSON."""
        return {
            "active": self.active,
            "counts": self.counts,
            "scaler": self.scaler,
            "workers": [asdict(worker) for worker in self.workers],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """Answer of an engine to what it was told to end.

    Attributes:
        withdrawn: the engine's names of what had not begun.
        asked: the engine's names of what runs, and was asked to end.
        hints: what a person should know.
    """

    withdrawn: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    hints: tuple[str, ...] = field(default=())


class Engine(Protocol):
    """Engine of a cluster. Each method returns when the engine has accepted what it was told."""

    name: str

    def text(self, spec: FleetSpec) -> str:
        """Return what `up` would give to the engine, as a person may read it.

        Raises:
            FleetError: the engine has no such workers.
        """

    def up(self, spec: FleetSpec) -> Started:
        """Start a fleet, or bring one that is there to another size.

        Raises:
            FleetError: the engine has no such workers.
            UnreachableQueueError: the nodes do not see the queue.
            EngineMissingError: its programs or libraries are not on this machine.
            EngineError: it refuses.
        """

    def status(self, name: str) -> FleetStatus:
        """Return a fleet as the engine sees it; empty if there is none."""

    def down(self, name: str, *, now: bool) -> Ended:
        """End a fleet: jobs that run may end within the workers' grace, or with `now` are given back at once."""


class Scaled(Engine, Protocol):
    """Engine that does not adjust the size of a fleet by itself: something that is called again and again does."""

    def scale(self, spec: FleetSpec) -> Started:
        """Start the workers that are missing; ends none."""


def words(values: Sequence[str]) -> str:
    """Return names as people read them."""
    return ", ".join(values) or "nothing"
