"""Job store: the part of a store's port that the queue uses; it holds the true state of each job."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from themis.core.stores.job_rows import AttemptRow, Change, Fence, JobRow
from themis.core.stores.queues.dependents import KeepsDependents


class JobStore(KeepsDependents, Protocol):
    """Keeps jobs beside their runs, in the same transactions.

    Every method may raise a `StoreError`.
    """

    @property
    def store_id(self) -> str:
        """Id of this store, the same wherever its file is, different from that of every other store."""

    @property
    def is_in_place(self) -> bool:
        """Whether the opened store is still the one at its address."""

    @property
    def identity(self) -> object:
        """Identity that distinguishes this store from a copy with the same id; equal for all paths to one store."""

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[Any]:
        """Open a block whose writes are committed together, or not at all; blocks nest."""

    def add(self, row: JobRow, manifest: str) -> bool:
        """Add a job and the text of its manifest; False, and nothing changed, when its key exists already."""

    def load(self, key: str) -> JobRow | None:
        """Return a job; None when it does not exist."""

    def manifest(self, key: str) -> str | None:
        """Return the text of a job's manifest; None when it does not exist."""

    def find(self, prefix: str, limit: int = 2) -> list[JobRow]:
        """Return the first jobs whose key begins with `prefix`, in order of their keys."""

    def jobs_of(self, queue_id: str, *, after: str = "", limit: int = 1000) -> list[JobRow]:
        """Return the jobs of a queue whose keys come after `after`, in order of their keys."""

    def counts(self, queue_id: str) -> dict[str, int]:
        """Count the jobs of a queue in each state."""

    def change(
        self,
        fence: Fence,
        decide: Callable[[JobRow], Change | None],
        *,
        synced: bool = True,
        known: JobRow | None = None,
    ) -> Change | None:
        """Write the change that `decide` returns for a job; None, and nothing written, if it is not as `fence` says.

        Nothing is written either when `decide` returns None. A lease in the change begins with the same commit.
        `decide` gets the row as read inside the transaction, or `known`, the row of that fence, if the caller has it
        and decides without regard to a request to cancel, which others may have made since. A change that is not
        `synced` may be undone by a power loss, together with all that follow it.
        """

    def replace_manifest(self, key: str, manifest: str) -> None:
        """Replace the text of a job's manifest, as a part of a change."""

    def move_run(self, run_id: str, new_path: Callable[[str, str], str]) -> None:
        """Update the locations from which a run, if it exists, reads its datasets.

        Args:
            run_id: the run.
            new_path: returns the current path of a dataset, given its id and the recorded path of its file.
        """

    def attempts(self, key: str) -> list[AttemptRow]:
        """Return the ended attempts of a job, in order."""

    def request_cancel(self, key: str) -> bool:
        """Ask a job's owner to stop; synced, without changing the version. False when it has ended."""

    def note_process(self, fence: Fence, pid: int, pid_started: int) -> bool:
        """Record the process group that runs a claimed job; False when the claim is lost."""

    def clock_ms(self) -> int:
        """Return the time by the store's own clock, which leases use: milliseconds since 1970 UTC."""

    def beat(self, fences: Sequence[Fence], lease_ms: int) -> dict[str, bool]:
        """Renew the leases of a worker's claims, without changing versions: they are over after `lease_ms` from now.

        Returns, by key, whether the job's cancellation was requested; a claim that is not there is lost.
        """

    def check_fence(self, fence: Fence) -> None:
        """Check, inside a transaction, that a claim is still valid.

        Raises:
            ClaimLostError: the job has changed since; nothing may be written for it.
        """

    def probe(self) -> None:
        """Commit something, synced, to check that this store can be written."""
