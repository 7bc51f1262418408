"""Port of a store: the methods of every store, whatever it keeps its data in.

`RunStore` is for the engine and the reports; its `jobs`, a `JobStore`, for the queue, in the same transactions. Readers
use a `StoreReader`, which each store has, see `registry`. A backend is a folder that implements these, and nothing
outside that folder knows its format; `tests/contracts` specifies each method.

A store keeps facts: runs, outcomes, ends of cases, blobs. Everything that people read is computed from them (see
`themis.core.stores.projections`), never stored beside them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.outcomes.stages import Stage
from themis.core.results import ExecutionState, RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.batch_rows import BatchRow
from themis.core.stores.job_rows import Fence
from themis.core.stores.job_store import JobStore
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.stores.resuming.port import ResumeStore
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.shards.port import ShardStore


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Row of a run. Times are milliseconds since 1970 UTC.

    Attributes:
        name: by which people find it; None before `name_run`.
        labels: see `themis.core.text.run_names.labels_in`; None for none.
    """

    run_id: str
    status: RunStatus
    completed_through: str | None
    total_cases: int
    error: str | None
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    name: str | None = None
    labels: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """Stored run: its row, its snapshot and its finished cases."""

    snapshot: RunSnapshot
    execution_state: ExecutionState


class RunStore(ResumeStore, ShardStore, Protocol):
    """Keeps runs. Every write is atomic, and repeating it changes nothing."""

    @property
    def label(self) -> str:
        """Location of the store, for messages: never with a password."""

    @property
    def outlives_process(self) -> bool:
        """Whether other processes can find the store, so that a worker can use it."""

    @property
    def is_there(self) -> bool:
        """Whether the store exists already; the check does not make it."""

    @property
    def jobs(self) -> JobStore:
        """Jobs of queues, in the same place and the same transactions."""

    def initialize(self) -> None:
        """Make the store ready; harmless when it is."""

    def close(self) -> None:
        """Close files; the store opens them again on its next use."""

    def transaction(self) -> AbstractContextManager[Any]:
        """Open a block whose writes, also of `jobs`, are committed together, durably, or not at all; blocks nest."""

    def create_run(self, snapshot: RunSnapshot) -> bool:
        """Add a run as `pending`; False, and nothing written, when it exists already."""

    def name_run(self, run_id: str, name: str, labels: Mapping[str, str]) -> None:
        """Give a run its name and labels, unless it has a name already: then both stay."""

    def runs_named(self, name: str, limit: int) -> list[RunRecord]:
        """Return the runs with exactly that name, newest first."""

    def add_to_group(self, group: str, members: Sequence[tuple[str, str]]) -> None:
        """Add runs, each as (id, row name), to a group behind those that it has; one that is in it stays as it is."""

    def group_members(self, group: str) -> list[tuple[str, str]]:
        """Return the runs of a group as (id, row name), in the order in which they were added; none for no group."""

    def group_names(self) -> list[str]:
        """Return the names of all groups, in their order."""

    def start_run(self, run_id: str, *, fence: Fence | None = None) -> None:
        """Mark a run as running.

        Raises:
            ClaimLostError: `fence` no longer holds; nothing is written. So does every method below that takes one.
        """

    def end_run(
        self,
        run_id: str,
        status: RunStatus,
        *,
        through: Stage | None,
        error: str | None = None,
        fence: Fence | None = None,
    ) -> None:
        """Mark a run as ended; synced to disk before this returns."""

    def clear_run(self, run_id: str, *, fence: Fence | None = None) -> None:
        """Forget what a run left behind but edits of scores, and that it ran; open batches are kept as `DROPPED`."""

    def load_run(self, run_id: str) -> RunRecord | None:
        """Return a run's row; None when it does not exist."""

    def load_standing(self, run_id: str) -> RunRecord | None:
        """Return a run's row with the status and error to show, see `standing`; None when it does not exist."""

    def hold_run(self, run_id: str, *, fence: Fence | None = None) -> AbstractContextManager[None]:
        """Lock a run for this process for the length of a block, so that no other process runs it too.

        Raises:
            RunBusyError: another process has it.
        """

    def run_holder(self, run_id: str) -> RunHolder:
        """Return the process that has a run now, or that had it when it was killed."""

    def list_runs(self, prefix: str = "", limit: int = 1000, *, older_than: str | None = None) -> list[RunRecord]:
        """Return the runs whose id begins with `prefix`, newest first; with `older_than`, those older than that run."""

    def load_snapshot(self, run_id: str) -> RunSnapshot | None:
        """Return a run's snapshot; None when it does not exist."""

    def replace_snapshot(self, snapshot: RunSnapshot) -> None:
        """Save a snapshot in place of that of its run: the same run, found and described in another way."""

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        """Save outcomes and ends of cases, all or none; an existing success is never replaced.

        In `outcomes` each key occurs once, or as a failure together with one success, which counts in either order.
        """

    def put_spend(self, run_id: str, execution: int, spend: str, *, fence: Fence | None = None) -> None:
        """Save the spend of an execution of a run, see `themis.core.cost.spend`, in place of what was saved of it."""

    def spends(self, run_id: str) -> dict[int, str]:
        """Return the spend of each execution of a run, by its number."""

    def put_aggregate(self, run_id: str, item: int, figures: str, *, fence: Fence | None = None) -> None:
        """Save the figures of metric `item` over a run, in place of earlier ones: see `statistics.aggregates`."""

    def aggregates(self, run_id: str) -> dict[int, str]:
        """Return the figures of each metric that has any, by its item."""

    def has_outcomes(self, run_id: str) -> bool:
        """Whether anything of a run is finished."""

    def outcomes_between(self, run_id: str, first: int, stop: int) -> list[Outcome]:
        """Return the outcomes of the cases numbered from `first` to before `stop`, in order of their keys."""

    def values_between(self, run_id: str, item: int, first: int, stop: int) -> dict[int, float | None]:
        """Return the values alone of the successful scores, or judgments, with a number, by their case's number.

        Only cases numbered from `first` to before `stop`; None is the value of an answer that is left out.
        """

    def ends_between(self, run_id: str, first: int, stop: int) -> list[CaseEnd]:
        """Return the ends of the cases numbered from `first` to before `stop`, in order."""

    def ends_from(self, run_id: str, first: int, limit: int) -> list[CaseEnd]:
        """Return the next `limit` ended cases numbered `first` or higher, in order."""

    def ended_ids_from(self, run_id: str, first: int, limit: int) -> list[tuple[int, int, str]]:
        """Return number, dataset's number and id alone of the same cases as `ends_from`."""

    def nth_ended_case(self, run_id: str, index: int) -> int | None:
        """Return the number of the ended case at position `index`; None when there are fewer."""

    def count_ends(self, run_id: str) -> tuple[int, int]:
        """Count the ended cases, and those of them that failed."""

    def score_tallies(self, run_id: str) -> dict[int, ScoreTally]:
        """Return the tally of each metric's scores, by its item; metrics without outcomes are left out."""

    def reusable_runs(self, key: str, *, other_than: str, limit: int = 3) -> list[tuple[str, str]]:
        """Return other runs, newest first, with a reuse key equal to `key`, and its name in each."""

    def lend_only(self, run_id: str, keys: Mapping[str, str], *, fence: Fence | None = None) -> None:
        """Register those reuse keys of a run that are valid for all of its outcomes, so that other runs find it.

        These are all of `keys` while it has no outcomes, else those with a name that it already had: outcomes from one
        source and outcomes from another are now side by side in it, and must not be mistaken for each other.
        """

    def lent_keys(self, run_id: str) -> dict[str, str]:
        """Return the reuse keys by which other runs find a run, by their names."""

    def batches(self, run_id: str) -> list[BatchRow]:
        """Return the batches of a run, in order."""

    def save_batch(self, run_id: str, row: BatchRow, *, fence: Fence | None = None) -> None:
        """Add a batch, or replace its row; synced to disk before this returns."""

    def forget_judge_calls(self, run_id: str, keeps: Callable[[Stage, int], bool]) -> None:
        """Remove the responses of judges about a run, but for those about items that are kept."""

    def save_judge_calls(self, run_id: str, rows: list[JudgeCallRow], *, fence: Fence | None = None) -> None:
        """Save the responses of judges, all or none; a row of the same key is replaced."""

    def judge_calls_between(self, run_id: str, first: int, stop: int) -> list[JudgeCallRow]:
        """Return the judge calls about the cases numbered from `first` to before `stop`, in order of their keys."""

    def cached_response(self, cache_key: str) -> str | None:
        """Return the response to calls with that key in the newest run that has one; None when there is none."""

    def add_score_edits(self, run_id: str, edits: Sequence[ScoreEdit]) -> list[ScoreEdit]:
        """Add edits of a run's scores, all or none; no edit is ever changed or removed.

        Returns:
            The edits with the numbers that follow those that are there, and the store's time.
        """

    def score_edits(self, run_id: str) -> list[ScoreEdit]:
        """Return all edits of a run's scores, in the order in which they were made."""

    def save_calibration(self, key: str, calibration: str) -> None:
        """Save the calibration of a judge and rubric, see `themis.core.calibration`, in place of an earlier one."""

    def calibrations(self) -> dict[str, str]:
        """Return the calibrations of all judges and rubrics, by their keys."""

    def begin_replay(self, run_id: str, request: str) -> bool:
        """Begin a replay, and return True; False when the one that did not end has an equal `request`, and goes on."""

    def append_replayed(self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd]) -> None:
        """Save results of a replay beside those of the run, which stay as they are until `end_replay`."""

    def replayed_ends(self, run_id: str, first: int, stop: int) -> list[CaseEnd]:
        """Return the ends of the cases that are replayed, as `ends_between` does."""

    def replayed_outcomes(self, run_id: str, first: int, stop: int) -> list[Outcome]:
        """Return the new outcomes of the cases that are replayed, as `outcomes_between` does."""

    def end_replay(
        self, run_id: str, keeps: Callable[[Stage, int], bool], snapshot: RunSnapshot, keys: Mapping[str, str]
    ) -> None:
        """Put the results of a replay in place of those of the run, all or none.

        Args:
            run_id: the run.
            keeps: whether the outcomes of a stage's item are kept; all others of a replayed case are removed.
            snapshot: the run's from now on.
            keys: the reuse keys by which other runs find it from now on, by their names.
        """

    def drop_replay(self, run_id: str) -> None:
        """Forget a replay that did not end."""

    def put_blob(self, data: bytes) -> str:
        """Save bytes under their SHA-256, once; return it as 64 hex digits."""

    def get_blob(self, digest: str) -> bytes | None:
        """Return the bytes saved under a hash; None when there are none."""

    def resume(self, run_id: str) -> StoredRun | None:
        """Return a run with its finished cases; None when it does not exist."""

    def get_projection(self, run_id: str, name: str) -> Any:
        """Return a view as JSON: `run_result`, `benchmark_result`, `timeline_view`, `trace_view` or `snapshot`."""
