"""A queue at one moment: its workers, running jobs, next jobs, last ended jobs, and when it will be empty."""

from dataclasses import asdict, dataclass, field
from typing import Any

from themis.core.queue.admin.forecast import Forecast
from themis.core.queue.folder.pausing import Pause
from themis.core.queue.folder.worker_registry import SeenWorker
from themis.core.queue.model.predecessors import listed
from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall

_KEY_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class About:
    """A job, and the outline of its run; `name` is None for one of an earlier version."""

    key: str
    run_id: str | None
    generator: str
    datasets: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that is running.

    Attributes:
        state: `running`, `stopping` (its cancellation was requested) or `lost` (its worker is dead).
        slot: the slot of its worker, if the worker reports it.
        for_s: seconds since the attempt began.
        rate: cases per second, over the last seconds, else since the attempt began.
        left_s: seconds until it is done.
        limits: the limits of the providers that it asks, if the worker reports them.
        stalled: the call that has stalled for longest, if the worker reports one.
    """

    about: About
    state: str
    attempt: int
    worker: str | None
    slot: int | None
    for_s: float | None
    total: int
    done: int
    failed: int
    rate: float | None
    left_s: float | None
    limits: tuple[ProviderState, ...] = ()
    stalled: StalledCall | None = None


@dataclass(frozen=True, slots=True)
class UpcomingJob:
    """One of the next jobs; `ready_ns` is the time from which it may be taken, `after` the jobs that it waits for."""

    about: About
    priority: int | None
    attempt: int
    total: int
    ready_ns: int | None
    after: tuple[str, ...] = ()

    @property
    def after_text(self) -> str | None:
        """The jobs that it waits for, as a text of few characters; None without any."""
        return f"after {listed((key[:_KEY_CHARACTERS] for key in self.after), 1)}" if self.after else None


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that ended recently."""

    about: About
    state: str
    attempt: int
    ended_ns: int
    took_s: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class QueueNow:
    """A queue at one moment.

    Attributes:
        exists: whether a job was ever submitted.
        counts: number of files by state, and of those that are `rejected`.
        slots: number of slots of the live workers that take jobs.
        forecast: when it will be empty; None when that is unknown. Without any slot, it assumes one.
        troubles: messages of stores that cannot be read now.
    """

    queue_root: str
    at_ns: int
    exists: bool = True
    paused: Pause | None = None
    counts: dict[str, int] = field(default_factory=dict)
    slots: int = 0
    forecast: Forecast | None = None
    workers: list[SeenWorker] = field(default_factory=list)
    running: list[RunningJob] = field(default_factory=list)
    next: list[UpcomingJob] = field(default_factory=list)
    ended: list[EndedJob] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The whole state as JSON; a job is one flat object."""
        found = asdict(self)
        for name in ("running", "next", "ended"):
            found[name] = [{**row.pop("about"), **row} for row in found[name]]
        found["workers"] = [worker.document() for worker in self.workers]
        return found
