"""Present state of a group of runs: that of each, how many are in which state, and the mean of each metric."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, NamedTuple

from themis.core.errors import UnknownTargetError
from themis.core.monitor.runs import RunNow, StoredRuns
from themis.core.monitor.targets import GROUP, no_group
from themis.core.statistics.score_tally import means_of


class GroupMember(NamedTuple):
    """Run of a group, and the store that it is in.

    Attributes:
        row_name: what tells it from the others of its sweep.
    """

    store: StoredRuns
    run_id: str
    row_name: str

    def now(self, *, with_means: bool = True) -> RunNow | None:
        """Return the run as it is now; None if the store has lost it."""
        return next(self.store.find(self.run_id, 1, with_means=with_means), None)


def members_of(group: str, stores: Sequence[StoredRuns]) -> list[GroupMember]:
    """Return the runs of a group in these stores, in the order in which they were added.

    Raises:
        UnknownTargetError: there are none.
    """
    found = [
        GroupMember(store, member.run.run_id, member.row_name)
        for store in stores
        for member in store.reader.group_members(group)
    ]
    if not found:
        detail = no_group([store.reader for store in stores])
        raise UnknownTargetError(target=f"{GROUP}{group}", detail=detail)
    return found


@dataclass(frozen=True, slots=True)
class GroupNow:
    """A group at one moment.

    Attributes:
        runs: each with the name of its row.
    """

    name: str
    runs: list[tuple[str, RunNow]]

    @classmethod
    def of(cls, name: str, members: Sequence[GroupMember]) -> "GroupNow":
        """Return the group as it is now."""
        return cls(name, list(_now(members)))

    @property
    def states(self) -> dict[str, int]:
        """Number of runs in each state, the most frequent first."""
        return dict(Counter(run.state for _, run in self.runs).most_common())

    @property
    def metric_means(self) -> dict[str, float]:
        """Mean of each metric over the runs that have one, each run counting the same."""
        found: dict[str, list[float]] = {}
        for _, run in self.runs:
            for metric, mean in means_of(run.metrics).items():
                found.setdefault(metric, []).append(mean)
        return {metric: fmean(means) for metric, means in found.items()}

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "group": self.name,
            "total_runs": len(self.runs),
            "states": self.states,
            "metric_means": self.metric_means,
            "runs": [{"row": row_name, **run.document()} for row_name, run in self.runs],
        }


def _now(members: Sequence[GroupMember]) -> Iterator[tuple[str, RunNow]]:
    for member in members:
        if (run := member.now()) is not None:
            yield member.row_name, run
