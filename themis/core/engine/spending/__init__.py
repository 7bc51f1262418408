"""Spending: the tokens of a run's calls are counted, and a budget is kept.

Before a call is sent, the most that it can use is reserved; when it has ended, what it did use takes the place of that.
So what is in flight never exceeds the budget. What a process that is killed leaves in flight is counted as well: the
store knows, before a call is sent, up to which ceiling the process may have spent.
"""

from themis.core.engine.spending.batch_spends import BatchReservation, BatchSpend
from themis.core.engine.spending.opening import refuse_unkept_budget, spending_of
from themis.core.engine.spending.others import OthersNow
from themis.core.engine.spending.spending import JudgeSpending, Spending

__all__ = [
    "BatchReservation",
    "BatchSpend",
    "JudgeSpending",
    "OthersNow",
    "Spending",
    "refuse_unkept_budget",
    "spending_of",
]
