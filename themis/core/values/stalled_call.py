"""A call of a component that takes much longer than others, as people and programs see it."""

import math
from dataclasses import dataclass

from themis.core.values.durations import how_long

_LONGEST_S = 1e9


@dataclass(frozen=True, slots=True)
class StalledCall:
    """A call of a component that has been running for unusually long.

    Attributes:
        case_id, dataset_id: the case.
        stage: the stage that it belongs to.
        component: id of the component.
        for_s: seconds since it began.
        others: number of other calls of the same run that have stalled, for less long.
    """

    case_id: str
    dataset_id: str
    stage: str
    component: str
    for_s: float
    others: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be: a report may come from any program.

        Raises:
            ValueError: a number is negative, or too large.
        """
        if not (math.isfinite(self.for_s) and 0 <= self.for_s <= _LONGEST_S and 0 <= self.others <= _LONGEST_S):
            msg = "a number is out of range"
            raise ValueError(msg)

    @property
    def text(self) -> str:
        """A phrase for people: the stage, the case, the component, and for how long."""
        others = f", and {self.others:,} more" if self.others else ""
        return (
            f"{self.stage} of case {self.case_id} of dataset {self.dataset_id} by {self.component}"
            f" for {how_long(self.for_s)}{others}"
        )
