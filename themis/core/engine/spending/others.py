"""Spends of the other executions of a run that is carried out in several processes at the same time.

Each of them writes to the store up to which ceiling it may have spent, and lets a call begin only when its ceiling, in
the store, fits into the budget beside those of all others, as they are in the store in the same transaction. So what
all of them have in flight together never exceeds the budget.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from themis.core.cost.spend import Spend, read_spend
from themis.core.engine.spending.bound import NOTHING, Bound
from themis.core.engine.spending.budget import Highest

ReadSpends = Callable[[], Mapping[int, str]]


class OthersNow(NamedTuple):
    """Amounts of the other executions, in the transaction in which they were read.

    Attributes:
        most: what they may have used, and reserved, at most.
        has_reserved: whether any of them has reserved something, and may leave it to others.
    """

    most: Bound
    has_reserved: bool


class OtherExecutions:
    """Reads what the others may have used."""

    def __init__(self, read_spends: ReadSpends, execution: int, highest: Highest) -> None:
        """Read all spends of a run but that of the execution with a number; batches count elsewhere."""
        self._read = read_spends
        self._execution = execution
        self._highest = highest

    def now(self) -> OthersNow:
        """Return what they may have used now."""
        most = used = NOTHING
        for number, text in self._read().items():
            spend = read_spend(text)
            if number != self._execution and spend.batch is None:
                most = most.plus(self._highest(spend))
                used = used.plus(self._highest(Spend(spend.groups, spend.judge_groups)))
        return OthersNow(most, most != used)
