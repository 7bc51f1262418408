"""Base of all stores: answers that follow from the facts that a store keeps."""

from abc import ABC
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from themis.core.results import RunStatus
from themis.core.stores import projections
from themis.core.stores.job_rows import Fence, job_key
from themis.core.stores.protocol import RunRecord, RunStore, StoredRun
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.standing import standing


class BaseRunStore(RunStore, ABC):
    """The reading half of a store, in terms of the other half; and a store that locks no run, until it says how."""

    @property
    def outlives_process(self) -> bool:
        """Other processes find what is kept here."""
        return True

    def load_standing(self, run_id: str) -> RunRecord | None:
        """A run's row with the status and the error that it is shown with, by its job and its lock too; or None."""
        if (record := self.load_run(run_id)) is None:
            return None
        job = self.jobs.load(job_key(run_id, self.jobs.store_id))
        found = standing(record, job, lambda: self.run_holder(run_id))
        return replace(record, status=RunStatus(found.status), error=found.reason)

    def hold_run(self, run_id: str, *, fence: Fence | None = None) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing to keep out, where no other process can have the run."""
        return nullcontext()

    def run_holder(self, run_id: str) -> RunHolder:  # noqa: ARG002
        """Somebody, as far as can be told where runs have no locks: then a run is what its row says."""
        return RunHolder(held=True)

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
