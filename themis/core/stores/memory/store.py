"""Store in memory: for experiments and tests, and for runs of which only the result is needed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import dropwhile, islice
from typing import Any

from themis.core.errors import UnknownRunError
from themis.core.identity.reuse_keys import lending_keys
from themis.core.outcomes.codec import now_ms
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.base import end_columns
from themis.core.stores.job_rows import Fence
from themis.core.stores.memory.jobs import InMemoryJobStore
from themis.core.stores.memory.replays import Replay, Replays, append_to, ends_in, outcomes_in
from themis.core.stores.memory.score_tallies import tallies_of
from themis.core.stores.memory.shards import Shards
from themis.core.stores.memory.side_rows import SideRowsOfRun
from themis.core.stores.memory.undo import Undo
from themis.core.stores.protocol import RunRecord
from themis.core.stores.shards.rows import ShardRow
from themis.core.text.canonical import bytes_hash
from themis.core.text.lines import storable
from themis.core.text.run_names import labels_text


@dataclass(slots=True)
class _Run:
    snapshot: RunSnapshot
    record: RunRecord
    names_by_key: dict[str, str]
    outcomes: dict[int, dict[tuple[Stage, int], Outcome]] = field(default_factory=dict)
    ends: dict[int, CaseEnd] = field(default_factory=dict)
    side_rows: SideRowsOfRun = field(default_factory=SideRowsOfRun)
    replay: Replay | None = None
    shards: dict[int, ShardRow] = field(default_factory=dict)
    failure_rows: dict[str, str] = field(default_factory=dict)


class InMemoryRunStore(Replays, Shards):
    """Keeps runs for the lifetime of the object."""

    def __init__(self) -> None:
        """Make an empty store."""
        self._runs: dict[str, _Run] = {}
        self._blobs: dict[str, bytes] = {}
        self._calibrations: dict[str, str] = {}
        self._groups: dict[str, dict[str, str]] = {}
        self._undo = Undo()
        self._jobs = InMemoryJobStore(self._undo, self._move_run, self._follow)

    @property
    def label(self) -> str:
        """Location of the store, for messages: memory."""
        return "memory"

    @property
    def outlives_process(self) -> bool:
        """Always false: no other process finds it."""
        return False

    @property
    def is_there(self) -> bool:
        """Always true."""
        return True

    @property
    def jobs(self) -> InMemoryJobStore:
        """Jobs of queues of this process."""
        return self._jobs

    def initialize(self) -> None:
        """Do nothing: the store is always ready."""

    def close(self) -> None:
        """Do nothing: there are no files."""

    def transaction(self) -> AbstractContextManager[Any]:
        """Open a block whose writes are kept together, or not at all; blocks nest."""
        return self._undo.transaction()

    def create_run(self, snapshot: RunSnapshot) -> bool:
        """Add a run as `pending`; False when it exists already."""
        if snapshot.run_id in self._runs:
            return False
        record = RunRecord(snapshot.run_id, RunStatus.PENDING, None, snapshot.total_cases, None, now_ms(), None, None)
        self._undo.put(self._runs, snapshot.run_id, _Run(snapshot, record, _by_key(lending_keys(snapshot))))
        return True

    def name_run(self, run_id: str, name: str, labels: Mapping[str, str]) -> None:
        """Give a run its name and labels, unless it has a name already."""
        if self._run(run_id).record.name is None:
            self._update(run_id, name=storable(name), labels=labels_text(labels))

    def start_run(self, run_id: str, *, fence: Fence | None = None) -> None:
        """Mark a run as running."""
        with self._fenced(fence):
            self._update(run_id, status=RunStatus.RUNNING, started_ms=now_ms(), ended_ms=None, error=None)

    def end_run(
        self,
        run_id: str,
        status: RunStatus,
        *,
        through: Stage | None,
        error: str | None = None,
        fence: Fence | None = None,
    ) -> None:
        """Mark a run as ended."""
        name, error = end_columns(through, error)
        with self._fenced(fence):
            self._update(run_id, status=status, completed_through=name, error=error, ended_ms=now_ms())

    def clear_run(self, run_id: str, *, fence: Fence | None = None) -> None:
        """Forget the outcomes of a run, what it has spent, and that it ever ran."""
        with self._fenced(fence):
            self._update(
                run_id, status=RunStatus.PENDING, completed_through=None, error=None, started_ms=None, ended_ms=None
            )
            run = self._run(run_id)
            for name in ("outcomes", "ends", "side_rows"):
                self._undo.note(partial(_restore, run, name, getattr(run, name)))
            run.outcomes, run.ends, run.side_rows = {}, {}, run.side_rows.cleared()
            self.drop_replay(run_id)

    def load_run(self, run_id: str) -> RunRecord | None:
        """Return a run's row; None when it does not exist."""
        run = self._runs.get(run_id)
        return run.record if run else None

    def list_runs(self, prefix: str = "", limit: int = 1000, *, older_than: str | None = None) -> list[RunRecord]:
        """Return the runs whose id begins with `prefix`, newest first; with `older_than`, those older than that run."""
        newest_first = reversed(list(self._runs))
        if older_than is not None:
            self._run(older_than)
            newest_first = islice(dropwhile(lambda run_id: run_id != older_than, newest_first), 1, None)
        return [self._runs[run_id].record for run_id in newest_first if run_id.startswith(prefix)][:limit]

    def load_snapshot(self, run_id: str) -> RunSnapshot | None:
        """Return a run's snapshot; None when it does not exist."""
        run = self._runs.get(run_id)
        return run.snapshot if run else None

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        """Save outcomes and ends of cases; a success is never replaced."""
        run = self._run(run_id)
        with self._fenced(fence):
            append_to(run, outcomes, ends, self._undo)

    def has_outcomes(self, run_id: str) -> bool:
        """Whether anything of a run is finished."""
        return bool(self._run(run_id).outcomes)

    def outcomes_between(self, run_id: str, first: int, stop: int) -> list[Outcome]:
        """Return the outcomes of the cases numbered from `first` to before `stop`, in order of their keys."""
        return outcomes_in(self._run(run_id), first, stop)

    def values_between(self, run_id: str, item: int, first: int, stop: int) -> dict[int, float | None]:
        """Return the values alone of the successful scores, or judgments, with a number, by their case's number."""
        return {
            outcome.case_no: outcome.value
            for outcome in self.outcomes_between(run_id, first, stop)
            if outcome.ok and outcome.item == item and outcome.stage >= Stage.SCORE
        }

    def ends_between(self, run_id: str, first: int, stop: int) -> list[CaseEnd]:
        """Return the ends of the cases numbered from `first` to before `stop`, in order."""
        return ends_in(self._run(run_id), first, stop)

    def ends_from(self, run_id: str, first: int, limit: int) -> list[CaseEnd]:
        """Return the next `limit` ended cases numbered `first` or higher, in order."""
        ends = self._run(run_id).ends
        return [ends[no] for no in sorted(no for no in ends if no >= first)[:limit]]

    def nth_ended_case(self, run_id: str, index: int) -> int | None:
        """Return the number of the ended case at position `index`; None when there are fewer."""
        numbers = sorted(self._run(run_id).ends)
        return numbers[index] if index < len(numbers) else None

    def count_ends(self, run_id: str) -> tuple[int, int]:
        """Count the ended cases, and those of them that failed."""
        ends = self._run(run_id).ends
        return len(ends), sum(end.failed for end in ends.values())

    def score_tallies(self, run_id: str) -> dict[int, ScoreTally]:
        """Return the tally of each metric's scores, by its item."""
        return tallies_of(self._run(run_id).outcomes.values())

    def reusable_runs(self, key: str, *, other_than: str, limit: int = 3) -> list[tuple[str, str]]:
        """Return other runs, newest first, with a reuse key equal to `key`, and its name in each."""
        found = [
            (run_id, name)
            for run_id, run in reversed(self._runs.items())
            if run_id != other_than and (name := run.names_by_key.get(key))
        ]
        return found[:limit]

    def lend_only(self, run_id: str, keys: Mapping[str, str], *, fence: Fence | None = None) -> None:
        """Register those reuse keys of a run that are valid for all of its outcomes, so that other runs find it."""
        run = self._run(run_id)
        now = _by_key(keys)
        with self._fenced(fence):
            self._undo.note(partial(_restore, run, "names_by_key", run.names_by_key))
            run.names_by_key = {k: n for k, n in now.items() if run.names_by_key.get(k) == n} if run.outcomes else now

    def lent_keys(self, run_id: str) -> dict[str, str]:
        """Return the reuse keys by which other runs find a run, by their names."""
        return {name: key for key, name in self._run(run_id).names_by_key.items()}

    def put_blob(self, data: bytes) -> str:
        """Save bytes under their SHA-256."""
        digest = bytes_hash(data)
        self._undo.put(self._blobs, digest, data)
        return digest

    def get_blob(self, digest: str) -> bytes | None:
        """Return the bytes saved under a hash; None when there are none."""
        return self._blobs.get(digest)

    @contextmanager
    def _fenced(self, fence: Fence | None) -> Iterator[None]:
        """Open a transaction that first checks that the writer still owns its job."""
        with self._undo.lock if fence is None else self._undo.transaction():
            if fence is not None:
                self._jobs.check_fence(fence)
            yield

    def _move_run(self, run_id: str, new_path: Callable[[str, str], str]) -> None:
        run = self._runs.get(run_id)
        if run is None:
            return
        datasets = [
            dataset
            if dataset.path is None
            else dataset.model_copy(update={"path": new_path(dataset.dataset_id, dataset.path)})
            for dataset in run.snapshot.datasets
        ]
        self._undo.note(partial(_restore, run, "snapshot", run.snapshot))
        run.snapshot = run.snapshot.model_copy(update={"datasets": datasets})

    def _side_rows(self, run_id: str) -> SideRowsOfRun:
        return self._run(run_id).side_rows

    def _newest_side_rows(self) -> Iterator[SideRowsOfRun]:
        return (run.side_rows for run in reversed(list(self._runs.values())))

    def _run(self, run_id: str) -> _Run:
        try:
            return self._runs[run_id]
        except KeyError:
            raise UnknownRunError(run_id=run_id, nearest="") from None

    def _update(self, run_id: str, **changes: Any) -> None:
        run = self._run(run_id)
        self._undo.note(partial(_restore, run, "record", run.record))
        run.record = replace(run.record, **changes)


def _restore(run: _Run, name: str, value: object) -> None:
    setattr(run, name, value)


def _by_key(keys: Mapping[str, str]) -> dict[str, str]:
    return {key: name for name, key in keys.items()}
