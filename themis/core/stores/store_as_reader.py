"""Reader for a store of a kind that has no reader of its own."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from themis.core.outcomes.failure_groups import FailedOutcome
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.job_rows import AttemptRow, JobRow
from themis.core.stores.reading import JobAndRun, MemberRow, RunRow, StoreLocation, StoreReader
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.shards.rows import ShardRow
from themis.core.text.canonical import compact_json

if TYPE_CHECKING:
    from themis.core.stores.protocol import RunRecord, RunStore

_PAGE_CASES = 500


class StoreAsReader(StoreReader):
    """Reads a store by opening it.

    Args:
        location: its location.
        open_store: opens it; must not make one.

    Raises:
        StoreError: on any use, when it does not exist or cannot be read.
    """

    def __init__(self, location: StoreLocation, open_store: "Callable[[], RunStore]") -> None:
        """Make a reader; nothing is opened yet."""
        self._location = location
        self._open_store = open_store
        self._opened: RunStore | None = None

    @property
    def location(self) -> StoreLocation:
        """Location of the store."""
        return self._location

    @property
    def store_id(self) -> str | None:
        """Id of this store, different from that of every other store."""
        return self._store.jobs.store_id

    def upgrade(self) -> None:
        """Open the store, which upgrades it to this version."""
        self._store.initialize()

    def close(self) -> None:
        """Close the store, if it is open."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def runs_before(self, prefix: str, run: RunRow | None, limit: int) -> list[RunRow]:
        """Return the newest runs whose id begins with `prefix`, of those older than `run`, newest first."""
        wanted = "".join(sign for sign in prefix if sign.isalnum())
        found = self._store.list_runs(wanted, limit, older_than=None if run is None else run.run_id)
        return [_row(record) for record in found]

    def runs_named(self, name: str, limit: int) -> list[RunRow]:
        """Return the runs with exactly that name, newest first."""
        return [_row(record) for record in self._store.runs_named(name, limit)]

    def group_members(self, group: str) -> list[MemberRow]:
        """Return the runs of a group, in the order in which they were added."""
        found = ((self._store.load_run(run_id), row_name) for run_id, row_name in self._store.group_members(group))
        return [MemberRow(_row(record), row_name) for record, row_name in found if record is not None]

    def group_names(self) -> list[str]:
        """Return the names of all groups, in their order."""
        return self._store.group_names()

    def jobs_beginning(self, prefix: str, limit: int) -> list[JobAndRun]:
        """Return the first jobs whose key begins with `prefix`, each with its run, in order of their keys."""
        return list(self._with_runs(self._store.jobs.find(prefix, limit)))

    def shards(self, run_id: str) -> list[ShardRow]:
        """Return the shards of a run, in order; none for a run in one job."""
        return self._store.shards(run_id)

    def job(self, key: str) -> JobRow | None:
        """Return a job; None when it does not exist."""
        return self._store.jobs.load(key)

    def jobs(self, keys: Sequence[str]) -> dict[str, JobAndRun]:
        """Return those of the jobs that are in this store, each with its run, by key."""
        rows = (self.job(key) for key in keys)
        return {pair.job.key: pair for pair in self._with_runs(row for row in rows if row is not None)}

    def jobs_of(self, queue_id: str) -> Iterator[JobRow]:
        """Yield the jobs of a queue, in order of their keys; read in pages, each in the state of its moment."""
        after = ""
        while page := self._store.jobs.jobs_of(queue_id, after=after):
            yield from page
            after = page[-1].key

    def last_ended(self, queue_id: str, limit: int) -> list[JobAndRun]:
        """Return the jobs of a queue that ended last, the latest first; reads every row."""
        ended = [row for row in self.jobs_of(queue_id) if row.ended_ns is not None]
        ended.sort(key=lambda row: -(row.ended_ns or 0))
        return list(self._with_runs(ended[:limit]))

    def attempts(self, key: str) -> list[AttemptRow]:
        """Return the ended attempts of a job, in order."""
        return self._store.jobs.attempts(key)

    def count_cases(self, run: RunRow) -> tuple[int, int]:
        """Count the ended cases of a run, and those of them that failed."""
        return self._store.count_ends(run.run_id)

    def failed_outcomes(self, run: RunRow, limit: int) -> list[FailedOutcome]:
        """Return the first failed outcomes of failed cases of a run, in the order of cases and stages."""
        found: list[FailedOutcome] = []
        first = 0
        while len(found) < limit and (ends := self._store.ends_from(run.run_id, first, _PAGE_CASES)):
            failed = {end.case_no: end.case_id for end in ends if end.failed}
            first = ends[-1].case_no + 1
            outcomes = self._store.outcomes_between(run.run_id, ends[0].case_no, first) if failed else []
            found += [
                FailedOutcome(one.case_no, failed[one.case_no], one.body)
                for one in outcomes
                if not one.ok and one.case_no in failed
            ]
        return found[:limit]

    def score_tallies(self, run: RunRow) -> dict[int, ScoreTally]:
        """Return the tally of each metric's scores in a run, by its item."""
        return self._store.score_tallies(run.run_id)

    def spends(self, run: RunRow) -> dict[int, str]:
        """Return the spend of each execution of a run, by its number."""
        return self._store.spends(run.run_id)

    def aggregates(self, run: RunRow) -> dict[int, str]:
        """Return the figures of each metric over a run, by its item."""
        return self._store.aggregates(run.run_id)

    def snapshot_text(self, run: RunRow) -> bytes | None:
        """Return the JSON text of a run's snapshot, without the cases; None when it does not exist."""
        snapshot = self._store.load_snapshot(run.run_id)
        if snapshot is None:
            return None
        document = snapshot.model_dump(mode="json", exclude={"run_id": True, "datasets": {"__all__": {"cases"}}})
        return compact_json(document).encode()

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now, or that had it when it was killed."""
        return self._store.run_holder(run_id)

    @property
    def _store(self) -> "RunStore":
        if self._opened is not None and not self._opened.jobs.is_in_place:
            self.close()
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened

    def _with_runs(self, jobs: "Iterator[JobRow] | Sequence[JobRow]") -> Iterator[JobAndRun]:
        for job in jobs:
            if (record := self._store.load_run(job.run_id)) is not None:
                yield JobAndRun(job, _row(record))


def _row(record: "RunRecord") -> RunRow:
    """Return a run's row; such a store does not number runs, and finds a snapshot by its run."""
    return RunRow(
        run_id=record.run_id,
        status=record.status.value,
        completed_through=record.completed_through,
        total_cases=record.total_cases,
        error=record.error,
        created_ms=record.created_ms,
        started_ms=record.started_ms,
        ended_ms=record.ended_ms,
        name=record.name,
        labels=record.labels,
        run_no=0,
        snapshot=record.run_id,
    )
