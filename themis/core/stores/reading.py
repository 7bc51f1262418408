"""Reading port of a store: runs, and the jobs of queues, for programs that only read.

A reader works beside the processes that write, and must answer at once: it never writes, makes no store, and needs
neither the engine nor its models. Each kind of store has one, or is read itself, see `registry`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from themis.core.outcomes.failure_groups import FailedOutcome
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.job_rows import AttemptRow, JobRow
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.shards.rows import ShardRow


class StoreLocation(NamedTuple):
    """Location of a store.

    Attributes:
        kind: as in `storage.store`.
        path: path of its file; for a store that is not a file, its parameters as JSON, with secrets as references.
    """

    kind: str
    path: str


class RunRow(NamedTuple):
    """Run, as it is stored. Times are milliseconds since 1970 UTC.

    Attributes:
        run_id: its id.
        status: a `RunStatus`.
        completed_through: the last stage that it has completed.
        total_cases: number of its cases.
        error: reason why it failed as a whole.
        created_ms, started_ms, ended_ms: times when it was added, last started, and ended.
        name: by which people find it; None for a run of an earlier version.
        labels: see `themis.core.text.run_names.labels_in`; None for none.
        run_no: its number in a store that numbers runs.
        snapshot: name of its snapshot's text in this store.
    """

    run_id: str
    status: str
    completed_through: str | None
    total_cases: int
    error: str | None
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    name: str | None
    labels: str | None
    run_no: int
    snapshot: str


RUN_FIELDS: tuple[str, ...] = RunRow._fields[:-2]
"""Fields of a run that every store keeps; the others are specific to a store."""


class JobAndRun(NamedTuple):
    """Job and the run that it carries out."""

    job: JobRow
    run: RunRow


class MemberRow(NamedTuple):
    """Run in a group.

    Attributes:
        run: the run.
        row_name: what tells it from the others of its sweep; empty for a run that is of none.
    """

    run: RunRow
    row_name: str


class StoreReader(Protocol):
    """Store that is opened for reading only.

    Every method may raise a `StoreError`: the store does not exist, is unreadable now, or has a version that cannot be
    read here.
    """

    @property
    def location(self) -> StoreLocation:
        """Location of the store."""

    @property
    def store_id(self) -> str | None:
        """Id of this store, different from that of every other store; None before a queue first used it."""

    def upgrade(self) -> None:
        """Upgrade a store of an earlier version, which lacks the columns that scores are read from.

        The only method that may write. Harmless when there is nothing to do.
        """

    def close(self) -> None:
        """Close open files; they are opened again on the next use."""

    def runs_before(self, prefix: str, run: RunRow | None, limit: int) -> list[RunRow]:
        """Return the newest runs whose id begins with `prefix`, of those older than `run`, newest first."""

    def runs_named(self, name: str, limit: int) -> list[RunRow]:
        """Return the runs with exactly that name, newest first."""

    def group_members(self, group: str) -> list[MemberRow]:
        """Return the runs of a group, in the order in which they were added; none for no group."""

    def group_names(self) -> list[str]:
        """Return the names of all groups, in their order."""

    def jobs_beginning(self, prefix: str, limit: int) -> list[JobAndRun]:
        """Return the first jobs whose key begins with `prefix`, each with its run, in order of their keys."""

    def shards(self, run_id: str) -> list[ShardRow]:
        """Return the shards of a run, in order; none for a run in one job."""

    def job(self, key: str) -> JobRow | None:
        """Return a job; None when it does not exist."""

    def jobs(self, keys: Sequence[str]) -> dict[str, JobAndRun]:
        """Return those of the jobs that are in this store, each with its run, by key."""

    def jobs_of(self, queue_id: str) -> Iterator[JobRow]:
        """Yield the jobs of a queue, in order of their keys; read in pages, each in the state of its moment."""

    def last_ended(self, queue_id: str, limit: int) -> list[JobAndRun]:
        """Return the jobs of a queue that ended last, the latest first."""

    def attempts(self, key: str) -> list[AttemptRow]:
        """Return the ended attempts of a job, in order."""

    def count_cases(self, run: RunRow) -> tuple[int, int]:
        """Count the ended cases of a run, and those of them that failed."""

    def failed_outcomes(self, run: RunRow, limit: int) -> list[FailedOutcome]:
        """Return the first failed outcomes of failed cases of a run, in the order of cases and stages."""

    def score_tallies(self, run: RunRow) -> dict[int, ScoreTally]:
        """Return the tally of each metric's scores in a run, by its item; metrics without outcomes are left out."""

    def spends(self, run: RunRow) -> dict[int, str]:
        """Return the spend of each execution of a run, by its number."""

    def aggregates(self, run: RunRow) -> dict[int, str]:
        """Return the figures of each metric over a run, by its item; metrics that have none are left out."""

    def snapshot_text(self, run: RunRow) -> bytes | None:
        """Return the JSON text of a run's snapshot; None when the store has lost it."""

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now, or that had it when it was killed."""
