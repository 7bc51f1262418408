"""Means of groups of benchmarks, with their standard errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from themis.core.statistics.score_tally import ScoreTally


@dataclass(frozen=True, slots=True)
class Subtask:
    """A benchmark of a group.

    Attributes:
        mean: of its scores.
        standard_error: of the mean; None where it has none, as with a single case.
        cases: number of its scores, at least 1.
    """

    name: str
    mean: float
    standard_error: float | None
    cases: int

    @classmethod
    def of(cls, name: str, scores: Sequence[float]) -> "Subtask":
        """Return the subtask that has these finite scores, at least one; a single one has no standard error."""
        tally = ScoreTally()
        tally.add(scores)
        return cls(name, tally.mean() or 0.0, tally.standard_error(), tally.count)

    @property
    def why_no_error(self) -> str | None:
        """Reason why it has no standard error; None where it has one."""
        if self.standard_error is not None and math.isfinite(self.standard_error) and self.cases > 1:
            return None
        return "one case does not say how cases vary" if self.cases == 1 else "its standard error is not known"


@dataclass(frozen=True, slots=True)
class GroupMean:
    """The mean of a group.

    Attributes:
        mean: of the subtasks' means.
        standard_error: of `mean`; None where a subtask has none.
        why_no_error: the reason; None where there is an error.
    """

    mean: float
    standard_error: float | None
    why_no_error: str | None = None


def group_mean(subtasks: Sequence[Subtask], *, by_size: bool = False) -> GroupMean:
    """Return the mean of independent subtasks.

    Args:
        subtasks: at least one.
        by_size: whether each counts as often as it has cases; else all count alike.
    """
    weights = [float(subtask.cases) if by_size else 1.0 for subtask in subtasks]
    total = math.fsum(weights)
    mean = math.fsum(weight * subtask.mean for weight, subtask in zip(weights, subtasks, strict=True)) / total
    without = [f"{subtask.name} ({subtask.why_no_error})" for subtask in subtasks if subtask.why_no_error]
    if without:
        return GroupMean(mean, None, f"no standard error of {', '.join(without)}")
    errors = (
        weight * (subtask.standard_error or 0.0) / total for weight, subtask in zip(weights, subtasks, strict=True)
    )
    return GroupMean(mean, math.hypot(*errors))
