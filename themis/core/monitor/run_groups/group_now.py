"""Present state of a group of runs: that of each, how many are in which state, and the mean of each metric."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from themis.core.monitor.run_groups.members import GroupMember
from themis.core.monitor.runs import RunNow
from themis.core.statistics.score_tally import means_of


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
