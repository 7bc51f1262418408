"""Base of every store: methods that follow from the others."""

from abc import ABC
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from themis.core.outcomes.end_codes import end_code
from themis.core.outcomes.stages import Stage, until_name
from themis.core.results import RunStatus
from themis.core.stores import projections
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunRecord, RunStore, StoredRun
from themis.core.stores.run_locks import RunHolder
from themis.core.stores.shards.together import job_of_run
from themis.core.stores.standing import standing
from themis.core.text.lines import storable

_ENDS_READ = 10_000
"""Ends of cases that are read together."""


def end_columns(through: Stage | None, error: str | None) -> tuple[str | None, str | None]:
    """Return the name of the last stage of a run that ended, and its error, as every store keeps them."""
    return None if through is None else until_name(through), None if error is None else storable(error)


class BaseRunStore(RunStore, ABC):
    """Reading methods of a store, in terms of the other methods; and run locks that do nothing unless overridden."""

    @property
    def outlives_process(self) -> bool:
        """Other processes can find the store."""
        return True

    def load_standing(self, run_id: str) -> RunRecord | None:
        """Return a run's row with the status and error to show, by its job and lock too; None when it is not there."""
        if (record := self.load_run(run_id)) is None:
            return None
        jobs = self.jobs
        job = job_of_run(run_id, jobs.store_id, self.shards(run_id), jobs.find, jobs.load)
        found = standing(record, job, lambda: self.run_holder(run_id))
        return replace(record, status=RunStatus(found.status), error=found.reason)

    def runs_named(self, name: str, limit: int) -> list[RunRecord]:
        """Return the runs with exactly that name, newest first; looks at every run."""
        found: list[RunRecord] = []
        page = self.list_runs()
        while page and len(found) < limit:
            found += [run for run in page if run.name == name]
            page = self.list_runs(older_than=page[-1].run_id)
        return found[:limit]

    def hold_run(self, run_id: str, *, fence: Fence | None = None) -> AbstractContextManager[None]:  # noqa: ARG002
        """Lock nothing: no other process can have the run."""
        return nullcontext()

    def run_holder(self, run_id: str) -> RunHolder:  # noqa: ARG002
        """Return that the run is held, as is assumed where runs have no locks: then its row decides."""
        return RunHolder(held=True)

    def ended_ids_from(self, run_id: str, first: int, limit: int) -> list[tuple[int, int, str]]:
        """Return number, dataset's number and id alone of the same cases as `ends_from`."""
        return [(end.case_no, end.dataset_no, end.case_id) for end in self.ends_from(run_id, first, limit)]

    def ended_cases(self, run_id: str, first: int, stop: int) -> bytes | bytearray:
        """Return a byte for each case numbered from `first` to before `stop`."""
        found = bytearray(stop - first)
        for begin in range(first, stop, _ENDS_READ):
            for end in self.ends_between(run_id, begin, min(begin + _ENDS_READ, stop)):
                found[end.case_no - first] = end_code(end.through, failed=end.failed)
        return found

    def known_file(self, key: str) -> str | None:  # noqa: ARG002
        """Know no file."""
        return None

    def keep_known_files(self, files: Mapping[str, str]) -> None:
        """Keep nothing: each start of a run reads its files in full."""

    def resume(self, run_id: str) -> StoredRun | None:
        """Return a run with its finished cases; None when it does not exist."""
        snapshot = self.load_snapshot(run_id)
        if snapshot is None:
            return None
        return StoredRun(snapshot, projections.execution_state(self, run_id))

    def get_projection(self, run_id: str, name: str) -> Any:
        """Return a view of a run as JSON.

        Raises:
            UnknownRunError: the run is not in this store.
            InvalidArgumentError: there is no view of that name.
        """
        return projections.project(self, run_id, name)
