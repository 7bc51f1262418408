"""Options of one execution of a run, and its progress while it goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from themis.core.errors import InvalidArgumentError
from themis.core.outcomes.stages import UNTIL_STAGES, Stage
from themis.core.processes.noted_cases import NotedCases
from themis.core.protocols import TracingProvider
from themis.core.stores.job_rows import Fence
from themis.core.text.nearest import nearest_hint
from themis.core.text.run_names import Title
from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall


def _nothing_stalled() -> None:
    return None


@dataclass(slots=True)
class RunProgress:
    """Progress of a run, for observers while it goes.

    Attributes:
        total, done, failed, resumed: cases of the run, those that ended, those of them that failed, and those that were
            done before.
        waits_for: what keeps all of its cases waiting now; None while they are worked on.
        limits: returns the limits of the run's providers as they are now.
        stalled: returns the call that has stalled for longest, if one has; an observer calls it every few seconds.
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    resumed: int = 0
    waits_for: str | None = None
    limits: Callable[[], tuple[ProviderState, ...]] = tuple
    stalled: Callable[[], StalledCall | None] = _nothing_stalled


@dataclass(frozen=True, slots=True)
class Precautions:
    """Measures about cases that kill the process of their run. Cases are positions in the run.

    Attributes:
        make_notes: makes the notes of so many cases in flight; None keeps none.
        alone: cases that run one at a time, before all others, in this order.
        lost: cases that end as `worker_lost`, without being run.
    """

    make_notes: Callable[[int], NotedCases] | None = None
    alone: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of one execution of a run.

    Attributes:
        until: the last stage to run.
        fence: the claim that it runs under, if its job was claimed from a queue.
        afresh: reuse nothing from other runs.
        subscribers: notified of events.
        tracer: receives spans.
        progress: kept up to date.
        holds_lease: whether the claim is certain, where claims have leases; called before each case and each call.
        title: name and labels of a run that has none yet.
        precautions: what is done about cases that kill the process.
        gives_back: whether a run whose provider works on its batches stops, for somebody to continue it later.
    """

    until: Stage = Stage.JUDGE
    fence: Fence | None = None
    afresh: bool = False
    subscribers: Sequence[Any] = ()
    tracer: TracingProvider | None = None
    progress: RunProgress = field(default_factory=RunProgress)
    gives_back: bool = False
    holds_lease: Callable[[], bool] | None = None
    title: Title = field(default_factory=Title)
    precautions: Precautions = field(default_factory=Precautions)


def parse_until_stage(name: str) -> Stage:
    """Return the stage with that public name.

    Raises:
        InvalidArgumentError: there is no such stage.
    """
    stage = UNTIL_STAGES.get(name)
    if stage is None:
        raise InvalidArgumentError(
            argument="until_stage", detail=f"no stage {name!r}{nearest_hint(name, UNTIL_STAGES)}"
        )
    return stage
