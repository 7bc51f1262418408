"""The port of a store: all that is asked of one, whatever keeps it.

`RunStore` is for the engine and the reports; its `jobs`, a `JobStore`, for the queue, in the same transactions. Those
who only read use a `StoreReader`, which each store has, see `registry`. A backend is a folder that implements
these, and nothing outside that folder knows what it keeps them in; `tests/contracts` says what each method promises.

A store keeps facts: runs, outcomes, ends of cases, blobs. Everything a person reads is computed from them (see
`themis.core.stores.projections`), never stored beside them.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.stages import Stage
from themis.core.results import ExecutionState, RunStatus
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.score_tally import ScoreTally
from themis.core.stores.job_rows import Fence
from themis.core.stores.job_store import JobStore
from themis.core.stores.run_locks import RunHolder


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run's row. Times are milliseconds since 1970 UTC."""

    run_id: str
    status: RunStatus
    completed_through: str | None
    total_cases: int
    error: str | None
    created_ms: int
    started_ms: int | None
    ended_ms: int | None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run found again: what it is, and what is finished of it."""

    snapshot: RunSnapshot
    execution_state: ExecutionState


class RunStore(Protocol):
    """Keeps runs. Every write is atomic and repeating it changes nothing."""

    @property
    def label(self) -> str:
        """Location of the store for messages, without any password."""

    @property
    def outlives_process(self) -> bool:
        """Whether another process finds what is kept here, so that a worker can."""

    @property
    def is_there(self) -> bool:
        """Whether there is such a store already; looking makes none."""

    @property
    def jobs(self) -> JobStore:
        """The jobs of queues, in the same place and the same transactions."""

    def initialize(self) -> None:
        """Make the store ready; harmless when it is."""

    def close(self) -> None:
        """Let go of files; the store opens again when it is next used."""

    def transaction(self) -> AbstractContextManager[Any]:
        """A block whose writes, those of `jobs` too, are committed together, durably, or not at all; blocks nest."""

    def create_run(self, snapshot: RunSnapshot) -> bool:
        """Keep a run as `pending`; False, and nothing written, when it is there already."""

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
        """Forget the outcomes of a run, and that it ever ran."""

    def load_run(self, run_id: str) -> RunRecord | None:
        """A run's row, or None."""

    def load_standing(self, run_id: str) -> RunRecord | None:
        """A run's row with the status and the error that it is shown with, see `standing`; or None."""

    def hold_run(self, run_id: str, *, fence: Fence | None = None) -> AbstractContextManager[None]:
        """Keep a run for this process for the block, so that no other one carries it out too.

        Raises:
            RunBusyError: another process has it.
        """

    def run_holder(self, run_id: str) -> RunHolder:
        """Process that holds the lock of a run, or held it and was killed."""

    def list_runs(self, prefix: str = "", limit: int = 1000, *, older_than: str | None = None) -> list[RunRecord]:
        """Runs whose id begins with `prefix`, newest first; with `older_than`, those older than the run of that id."""

    def load_snapshot(self, run_id: str) -> RunSnapshot | None:
        """A run's snapshot, or None."""

    def append(
        self, run_id: str, outcomes: Sequence[Outcome], ends: Sequence[CaseEnd], *, fence: Fence | None = None
    ) -> None:
        """Keep outcomes and ends of cases, all or none; a success that is there already stays as it is.

        Among `outcomes` a key stands once, or a failure of it beside one success, which counts wherever it stands.
        """

    def has_outcomes(self, run_id: str) -> bool:
        """Whether anything of a run is finished."""

    def outcomes_between(self, run_id: str, first: int, stop: int) -> list[Outcome]:
        """Outcomes of the cases numbered from `first` to before `stop`, in order of their keys."""

    def ends_between(self, run_id: str, first: int, stop: int) -> list[CaseEnd]:
        """Ends of the cases numbered from `first` to before `stop`, in order."""

    def ends_from(self, run_id: str, first: int, limit: int) -> list[CaseEnd]:
        """The next `limit` ended cases numbered `first` or higher, in order."""

    def nth_ended_case(self, run_id: str, index: int) -> int | None:
        """Number of the ended case that stands `index` places from the first; None when there are not so many."""

    def count_ends(self, run_id: str) -> tuple[int, int]:
        """Numbers of cases that ended, and of those that failed."""

    def score_tallies(self, run_id: str) -> dict[int, ScoreTally]:
        """The scores of each metric, added up, by its item; of those that have any outcome."""

    def reusable_runs(self, key: str, *, other_than: str, limit: int = 3) -> list[tuple[str, str]]:
        """Other runs, newest first, with a reuse key equal to `key`, and the name that they have it under."""

    def lend_only(self, run_id: str, keys: Mapping[str, str], *, fence: Fence | None = None) -> None:
        """Have other runs find a run by those reuse keys, of these, that hold for all of its outcomes.

        They are all of them while it has no outcomes, else those, by name, that it was found by so far: what was made
        with one source and what is made with another now stand side by side in it, and must not be taken for either.
        """

    def case_numbers(self, run_id: str) -> dict[tuple[bytes, int], int]:
        """Numbers of the ended cases by digest and dataset number."""

    def put_blob(self, data: bytes) -> str:
        """Keep bytes under their SHA-256, once; returns it as 64 hex digits."""

    def get_blob(self, digest: str) -> bytes | None:
        """The bytes kept under a hash, or None."""

    def resume(self, run_id: str) -> StoredRun | None:
        """A run with what is finished of it, or None."""

    def get_projection(self, run_id: str, name: str) -> Any:
        """A view of a run as JSON: `run_result`, `benchmark_result`, `timeline_view`, `trace_view` or `snapshot`."""
