"""Job that is submitted: as its submitter gives it, and as it is in the queue then."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core.errors import JobError
from themis.core.queue.model import layout, predecessors, states
from themis.core.queue.model.manifest_file import Limits, Manifest
from themis.core.queue.model.ordering import DEFAULT_PRIORITY, LOWEST_PRIORITY
from themis.core.queue.model.predecessors import Predecessors
from themis.core.queue.model.states import JobState
from themis.core.queue.model.store_address import StoreAddress
from themis.core.stores.job_rows import Change, JobRow, job_key

Prepare = Callable[[], object]
"""Writes what belongs to a job's row (its run, its snapshot), inside the row's own transaction."""

if TYPE_CHECKING:
    PathOfFile = Path | Any  # None is rare: who knows that a queue has a folder need not ask each time
else:
    PathOfFile = Path | None


@dataclass(frozen=True, slots=True)
class NewJob:
    """Job to be submitted.

    Attributes:
        run_id: the run to carry out.
        store: store of the run and its results.
        payload: input of the executor, as small JSON.
        version: version of the library that submits it.
        limits: limits on its resources and retries.
        priority: 0 (first) to 9.
        not_before_ns: nanoseconds since 1970 UTC before which it is not claimed; None for at once.
        shard: number of its part of the run, and number of parts; None for the whole run.
        cases: the numbers of the first case of that part and of the one behind its last; None for all.
        tags: tags that a worker must have to take it.
        distributions: distributions that its components come from or depend on, with their versions.
        python: version of the Python that submits it; None where nobody says.
        providers: public names of the providers that it asks.
        after: jobs that it runs after.
    """

    run_id: str
    store: StoreAddress
    payload: dict[str, Any]
    version: str
    limits: Limits = field(default_factory=Limits)
    priority: int = DEFAULT_PRIORITY
    not_before_ns: int | None = None
    shard: tuple[int, int] | None = None
    cases: tuple[int, int] | None = None
    tags: tuple[str, ...] = ()
    distributions: dict[str, str] = field(default_factory=dict)
    python: str | None = None
    providers: tuple[str, ...] = ()
    after: Predecessors = predecessors.NONE

    @property
    def key(self) -> str:
        """Name of the job in any queue."""
        return job_key(self.run_id, self.store.id, self.shard)

    def manifest(self, submitted_ns: int) -> Manifest:
        """Return the manifest of the job if it is submitted at that time."""
        return Manifest(
            key=self.key,
            run_id=self.run_id,
            store=self.store,
            limits=self.limits,
            priority=self.priority,
            submitted_ns=submitted_ns,
            version=self.version,
            payload=self.payload,
            tags=self.tags,
            distributions=self.distributions,
            python=self.python,
            providers=self.providers,
            cases=self.cases,
        )

    def row(self, queue_id: str, queue_root: str, now_ns: int) -> JobRow:
        """Return the row of the job in a queue, if it is submitted now."""
        return JobRow(
            key=self.key,
            run_id=self.run_id,
            queue_id=queue_id,
            queue_root=queue_root,
            version=1,
            state=JobState.QUEUED,
            attempt=0,
            priority=self.priority,
            submitted_ns=now_ns,
            ready_ns=self.not_before_ns,
            max_attempts=self.limits.max_attempts,
            max_worker_lost=self.limits.max_worker_lost,
            timeout_s=self.limits.timeout_s,
            memory_limit_mb=self.limits.memory_limit_mb,
            updated_ns=now_ns,
            predecessors=self.after.text() if self.after.keys else None,
        )


@dataclass(frozen=True, slots=True)
class Submission:
    """Job that is durably in the queue, from this submission or from before.

    Attributes:
        row: the job.
        path: path of its file at the time of the submission; None in a queue of rows.
        created: whether this submission created it.
    """

    row: JobRow
    path: PathOfFile
    created: bool

    @property
    def state(self) -> JobState:
        """State of the job."""
        return JobState(self.row.state)


def submitted_again(new: JobRow, now_ns: int) -> Callable[[JobRow], Change]:
    """Return what queues an ended job again, now, with the limits of the new submission `new`."""

    def decide(read: JobRow) -> Change:
        back = states.sent_back(read, now_ns, priority=new.priority).row
        return Change(
            back._replace(
                ready_ns=new.ready_ns,
                max_attempts=new.max_attempts,
                max_worker_lost=new.max_worker_lost,
                timeout_s=new.timeout_s,
                memory_limit_mb=new.memory_limit_mb,
                predecessors=new.predecessors,
            )
        )

    return decide


def refuse_place(key: str, priority: int | None, not_before_ns: int | None) -> None:
    """Refuse an invalid priority or time of a job; None is accepted.

    Raises:
        JobError: it is out of range.
    """
    if priority is not None and not 0 <= priority <= LOWEST_PRIORITY:
        raise JobError(key=key, detail=f"priority {priority} is not 0 (first) to {LOWEST_PRIORITY}")
    if not_before_ns is not None and not 0 <= not_before_ns < layout.LATEST_NS:
        raise JobError(key=key, detail="the earliest start time is out of range")
