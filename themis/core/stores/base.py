"""What every store answers in the same way, from the facts it keeps."""

from abc import ABC
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from themis.core.stores import projections
from themis.core.stores.protocol import Fence, RunRecord, RunStore, StoredRun


class BaseRunStore(RunStore, ABC):
    """The reading half of a store, in terms of the other half."""

    def load_standing(self, run_id: str) -> RunRecord | None:
        """A run's row, or None; it stands as it says, where no other process can have it."""
        return self.load_run(run_id)

    def hold_run(self, run_id: str, *, fence: Fence | None = None) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing to keep out, where no other process can have the run."""
        return nullcontext()

    def resume(self, run_id: str) -> StoredRun | None:
        """A run with what is finished of it, or None."""
        snapshot = self.load_snapshot(run_id)
        if snapshot is None:
            return None
        return StoredRun(snapshot, projections.execution_state(self, run_id))

    def get_projection(self, run_id: str, name: str) -> Any:
        """A view of a run as JSON.

        Raises:
            UnknownRunError: the run is not in this store.
            InvalidArgumentError: there is no view of that name.
        """
        return projections.project(self, run_id, name)
