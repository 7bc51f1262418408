"""The half of the port of a store that is for the queue: it keeps the truth about each job."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from themis.core.stores.job_rows import AttemptRow, Change, Fence, JobRow


class JobStore(Protocol):
    """Keeps jobs beside the runs that they do, in the same transactions.

    Every method may raise a `StoreError`.
    """

    @property
    def store_id(self) -> str:
        """Identity of this store, which it keeps wherever it is moved."""

    @property
    def is_in_place(self) -> bool:
        """Whether what was opened is still what is at the store's address."""

    @property
    def identity(self) -> object:
        """Identity that a copy with the same id does not share: equal by whatever path the same store is reached."""

    def transaction(self, *, synced: bool = True) -> AbstractContextManager[Any]:
        """A block whose writes are committed together, or not at all; blocks nest."""

    def add(self, row: JobRow, manifest: str) -> bool:
        """Keep a new job and the text of its manifest; False, and nothing changed, when its key is there already."""

    def load(self, key: str) -> JobRow | None:
        """A job, or None."""

    def manifest(self, key: str) -> str | None:
        """The text of a job's manifest, or None."""

    def find(self, prefix: str, limit: int = 2) -> list[JobRow]:
        """The first jobs whose key begins with `prefix`, in order of their keys."""

    def jobs_of(self, queue_id: str, *, after: str = "", limit: int = 1000) -> list[JobRow]:
        """The jobs of a queue whose keys come after `after`, in order of their keys."""

    def counts(self, queue_id: str) -> dict[str, int]:
        """Number of jobs of a queue in each state."""

    def change(
        self,
        key: str,
        version: int,
        decide: Callable[[JobRow], Change | None],
        *,
        synced: bool = True,
        known: JobRow | None = None,
    ) -> Change | None:
        """Write what `decide` makes of a job, if its version is still `version`; None, and nothing written, if not.

        Nothing is written either when `decide` gives None. A lease that the change gives begins in the same commit.
        `decide` is given the row as it stands inside the transaction, or `known`, the row of that version, if the
        caller has it and decides without regard to a request to cancel, which others may have made since. A change that
        is not `synced` may be undone by a loss of power, together with all that follow it.
        """

    def replace_manifest(self, key: str, manifest: str) -> None:
        """Keep another text as a job's manifest; a part of the change that makes it so."""

    def move_run(self, run_id: str, new_path: Callable[[str, str], str]) -> None:
        """Have a run, if it is there, read its datasets from where they are now.

        Args:
            run_id: the run.
            new_path: given a dataset's id and the path of its file, the path that it has now.
        """

    def attempts(self, key: str) -> list[AttemptRow]:
        """The attempts of a job that have ended, in order."""

    def request_cancel(self, key: str) -> bool:
        """Ask the owner of a job to stop; synced, without changing its version. False when it has ended."""

    def note_process(self, key: str, version: int, pid: int, pid_started: int) -> bool:
        """Record the process group that runs a claimed job; False when the version is another."""

    def clock_ms(self) -> int:
        """The time by the store's own clock, which leases go by: milliseconds since 1970 UTC."""

    def renew_lease(self, key: str, version: int, lease_ms: int) -> bool:
        """Let a claim's lease begin again, without changing the version; False when the version is another."""

    def check_fence(self, fence: Fence) -> None:
        """See, inside a transaction, that a claim is still its owner's.

        Raises:
            ClaimLostError: the job has changed since; nothing may be written for it.
        """

    def probe(self) -> None:
        """Commit something, synced: whether this store can be written."""
