"""The reading port of a store: runs, and the jobs of queues, for those who only look.

Readers work beside the processes that write, and should have an answer at once: a reader never writes, makes
no store, and needs neither the engine nor its models. Each kind of store brings one, or is read itself, see `registry`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.job_rows import AttemptRow, JobRow
from themis.core.stores.run_locks import RunHolder


class StoreLocation(NamedTuple):
    """Location of a store.

    Attributes:
        kind: as in `storage.store`.
        path: of its file; or, of a store that is no file, its parameters as JSON, with secrets as references.
    """

    kind: str
    path: str


class RunRow(NamedTuple):
    """A run, as it is stored. Times are milliseconds since 1970 UTC.

    Attributes:
        run_id: its id.
        status: a `RunStatus`.
        completed_through: the last stage that it was brought through.
        total_cases: how many cases it has.
        error: why it failed as a whole.
        created_ms, started_ms, ended_ms: when it was first kept, last begun, and ended.
        run_no: its number in a store that numbers them.
        snapshot: the name under which this store keeps the text of its snapshot.
    """

    run_id: str
    status: str
    completed_through: str | None
    total_cases: int
    error: str | None
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    run_no: int
    snapshot: str


RUN_FIELDS: tuple[str, ...] = RunRow._fields[:-2]
"""The fields of a run that every store keeps; the others are a store's own."""


class JobAndRun(NamedTuple):
    """A job and the run that it does."""

    job: JobRow
    run: RunRow


class StoreReader(Protocol):
    """A store that is only looked at.

    Every method may raise a `StoreError`: the store is not there, cannot be read now, or is of a version that is not
    read here.
    """

    @property
    def location(self) -> StoreLocation:
        """Location of the store."""

    @property
    def store_id(self) -> str | None:
        """Identity of this store; None before a queue first used it."""

    def upgrade(self) -> None:
        """Bring a store of an earlier version, which lacks what scores are read from, to this one.

        The one method that may write. Harmless when nothing is to be done.
        """

    def close(self) -> None:
        """Close what is open; it is opened again when it is next used."""

    def runs_before(self, prefix: str, run: RunRow | None, limit: int) -> list[RunRow]:
        """The newest runs whose id begins with `prefix`, of those older than `run`, the newest first."""

    def job(self, key: str) -> JobRow | None:
        """A job, or None."""

    def jobs(self, keys: Sequence[str]) -> dict[str, JobAndRun]:
        """Those of the jobs that this store has, each with its run, by key."""

    def jobs_of(self, queue_id: str) -> Iterator[JobRow]:
        """The jobs of a queue, in order of their keys; read in pages, each as its rows stand then."""

    def last_ended(self, queue_id: str, limit: int) -> list[JobAndRun]:
        """The jobs of a queue that ended last, the latest first."""

    def attempts(self, key: str) -> list[AttemptRow]:
        """The attempts of a job that have ended, in order."""

    def count_cases(self, run: RunRow) -> tuple[int, int]:
        """Numbers of a run's cases that ended, and of those that failed."""

    def score_tallies(self, run: RunRow) -> dict[int, ScoreTally]:
        """The scores of each metric of a run, added up, by its item; of those that have any outcome."""

    def snapshot_text(self, run: RunRow) -> bytes | None:
        """The JSON text of a run's snapshot; None when the store has lost it."""

    def run_holder(self, run_id: str) -> RunHolder:
        """Process that executes a run, or was killed while doing so."""
