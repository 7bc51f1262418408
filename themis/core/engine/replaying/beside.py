"""View of a store during a replay: new results are kept beside those of the run, and read in their place."""

from collections.abc import Sequence
from typing import Any

from themis.core.engine.replaying.request import ReplayRequest
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.stores.job_rows import Fence
from themis.core.stores.protocol import RunStore


class StoreBeside:
    """A store in which the run that is replayed already has its new results.

    Attributes:
        figures: those of metrics over the run, by the metric's position.
    """

    def __init__(self, store: RunStore, request: ReplayRequest) -> None:
        """A view of `store` during the replay that `request` asks for."""
        self._store = store
        self._keeps = request.keeps
        self.figures: dict[int, str] = {}

    def append(
        self,
        run_id: str,
        outcomes: Sequence[Outcome],
        ends: Sequence[CaseEnd],
        *,
        fence: Fence | None = None,  # noqa: ARG002  # no worker replays a run
    ) -> None:
        """Save outcomes and ends of cases beside those of the run."""
        self._store.append_replayed(run_id, outcomes, ends)

    def outcomes_between(self, run_id: str, first: int, stop: int) -> list[Outcome]:
        """Return the outcomes that the cases have when the replay has ended."""
        new = self._store.replayed_outcomes(run_id, first, stop)
        replayed = {end.case_no for end in self._store.replayed_ends(run_id, first, stop)}
        before = self._store.outcomes_between(run_id, first, stop)
        kept = [found for found in before if found.case_no not in replayed or self._keeps(found.stage, found.item)]
        return sorted([*kept, *new], key=lambda found: (found.case_no, found.stage, found.item))

    def put_aggregate(self, run_id: str, item: int, figures: str, *, fence: Fence | None = None) -> None:  # noqa: ARG002
        """Keep the figures of a metric until the replay ends."""
        self.figures[item] = figures

    def __getattr__(self, name: str) -> Any:
        """Everything else is as in the store."""
        return getattr(self._store, name)
