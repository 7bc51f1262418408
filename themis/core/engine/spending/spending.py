"""The spend of one execution of a run, call by call; under a budget, calls wait until they fit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from themis.core.components.asked_model import model_of, provider_of
from themis.core.cost.spend import Ceiling, Fate, Spend
from themis.core.engine.spending.batch_spends import BatchSpends
from themis.core.engine.spending.bound import NOTHING, Bound
from themis.core.engine.spending.budget import Budget
from themis.core.engine.spending.charges import charge_of
from themis.core.engine.spending.others import OtherExecutions, OthersNow
from themis.core.engine.spending.tally import Tally
from themis.core.errors import BudgetSpentError

if TYPE_CHECKING:  # what only a budget needs
    from themis.core.engine.spending.bounds import Bounds
OTHERS_S = 30.0
"""Seconds for which a call waits for other executions to leave room in the budget, while nothing changes of it."""

LOOK_S = 0.5
"""Seconds between two looks for that."""


class Spending:
    """Counts what the calls of one execution use, and lets them begin while they fit into its budget.

    Attributes:
        execution: its number.
        flush: writes the spend to the store, and returns when it is there.
        batches: the spends of the run's batches.
        others: the other executions that share the budget now; None for an execution that has it for itself.
    """

    def __init__(
        self,
        provider: str,
        model: str,
        execution: int,
        budget: Budget | None,
        stored: Mapping[int, Spend] | None = None,
    ) -> None:
        """Count the calls of a generator that asks `model` at `provider`, and those of judges.

        `stored` are the spends of the run by their numbers.
        """
        self.execution = execution
        self.flush: Callable[[], Awaitable[None]] | None = None
        self.batches = BatchSpends(provider, model, stored or {}, execution + 1, budget)
        self.others: OtherExecutions | None = None
        self._waits_for_others = asyncio.Lock()
        self._others_now: OthersNow | None = None
        self._stopped: BudgetSpentError | None = None
        self._budget = budget
        self._tally = Tally(provider, model, Spend())
        self._in_flight = 0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def stopped(self) -> BudgetSpentError | None:
        """Reason for which nothing more is sent; None while something may be."""
        return self._stopped

    @property
    def reserves(self) -> bool:
        """Whether calls must `reserve`."""
        return self._budget is not None

    async def reserve(self, *asked: Any) -> Bound:
        """Reserve what a call with the arguments `asked` may use, before it is sent; `settle` or `release` must follow.

        Raises:
            BudgetSpentError: it does not fit, and no call in flight could leave room for it.
            UnboundedCallError: nothing bounds the call.
        """
        assert self._budget is not None, "reserves"  # noqa: S101
        return await self.take(self._budget.bounds.of(*asked))

    async def take(self, bound: Bound) -> Bound:
        """Reserve what a call may use by its bound, as `reserve` does."""
        budget = self._budget
        assert budget is not None, "reserves"  # noqa: S101
        while True:
            await self._until_it_fits(budget, bound)
            self._in_flight += 1
            amounts = budget.amounts(bound)
            for account, amount in amounts:
                account.take(amount)
            if self.flush is None or all(account.is_announced for account, _ in amounts):
                return bound
            self._tally.has_changed = True
            try:
                await self.flush()
            except BaseException:
                self.release(bound)
                raise
            if self.others is None or all(account.is_announced for account, _ in amounts):
                return bound
            self.release(bound)  # others have reserved meanwhile what it needs
            await self._others_leave_room(budget, bound)

    async def _until_it_fits(self, budget: Budget, bound: Bound) -> None:
        while not budget.fits(bound):
            if not self._in_flight and self._stopped is None:
                if self.others is not None:
                    await self._others_leave_room(budget, bound)
                    continue
                self.stop(bound)
            if self._stopped is not None:
                raise self._stopped
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn

    async def _others_leave_room(self, budget: Budget, bound: Bound) -> None:
        """Wait until a call may fit, as other executions have given back what they had reserved.

        Nothing more is sent when they have reserved nothing, or nothing has changed of it for `OTHERS_S` seconds.
        """
        async with self._waits_for_others:
            if self._in_flight:  # what these leave over may do
                await asyncio.sleep(LOOK_S)
                return
            until, seen = time.monotonic() + OTHERS_S, None
            while self._stopped is None and not self._in_flight:
                self._tally.has_changed = True
                if self.flush is not None:
                    await self.flush()
                now = self._others_now
                if budget.fits(bound):
                    return
                if now is not None and now.most != seen:
                    until, seen = time.monotonic() + OTHERS_S, now.most
                if now is None or not now.has_reserved or time.monotonic() >= until:
                    self.stop(bound)
                    return
                await asyncio.sleep(LOOK_S)

    def stop(self, bound: Bound) -> None:
        """Send nothing more: there is no room for this call, and nothing in flight could leave any."""
        assert self._budget is not None, "reserves"  # noqa: S101
        self._stopped = self._budget.spent(bound)

    def release(self, bound: Bound | None) -> None:
        """Give back what was reserved for a call that was not sent, or not charged for."""
        if bound is not None:
            self._give(bound, 0, 0)

    def settle(self, bound: Bound | None, answer: Any, error: BaseException | None) -> None:
        """Count a call that has ended; without an answer and an error, it was cancelled."""
        self.count(self._tally, bound, answer, error)

    def count(self, tally: Tally, bound: Bound | None, answer: Any, error: BaseException | None) -> None:
        """Count a call of the generator, or of a judge, in its `tally`, as `settle` does."""
        charge = charge_of(answer, error)
        if charge is None:
            self.release(bound)
            return
        group, tokens = tally.count(charge, bound)
        self._tally.has_changed = True
        if bound is not None and self._budget is not None:
            priced = None if charge.fate == Fate.UNKNOWN else self._budget.price(group, tokens)
            used = bound.nano_usd if priced is None else priced
            self._budget.warn_if_exceeded(tally.asked, bound, Bound(tokens.total, 0, used))
            self._give(bound, used, tokens.total)

    def text(self, *, closing: bool) -> str | None:
        """Return the spend to write with the outcomes of now; None when the store has it already."""
        spend, budget = self._tally.spend, self._budget
        is_open = bool(spend.groups or spend.judge_groups) or spend.ceiling is not None
        if not self._tally.has_changed and not (closing and is_open):
            return None
        self._tally.has_changed = False
        spend.has_ended = closing
        if budget is not None:
            ceilings = [None if account is None else account.ceiling() for account in (budget.usd, budget.tokens)]
            spend.ceiling = None if closing else Ceiling(*ceilings)
        return spend.text()

    def others_now(self) -> OthersNow | None:
        """Return what others may have used of the budget, as the store says in this transaction; None without any."""
        return None if self.others is None else self.others.now()

    def written(self, others: OthersNow | None = None) -> None:
        """Note that the last `text` is in the store, and what `others_now` was in its transaction."""
        if self._budget is None:
            return
        self._others_now = others
        for account, amount in self._budget.amounts(others.most if others is not None else NOTHING):
            account.written(None if others is None else amount)

    def share(self, others: OtherExecutions) -> None:
        """Share the budget with other executions of the run from now on."""
        self.others = others
        for account in self._budget.accounts if self._budget is not None else ():
            account.is_shared = True

    def tally_of(self, judge: Any) -> Tally:
        """Return the tally of a judge's calls, in the spend of this execution."""
        return Tally(provider_of(judge) or "", model_of(judge) or "", self._tally.spend, of_judge=True)

    def bounds_of(self, judge: Any) -> "Bounds | None":
        """Return the bounds of a judge's calls; None without a budget."""
        return None if self._budget is None else self._budget.judge_bounds[id(judge)]

    def _give(self, bound: Bound, nano_usd: int, tokens: int) -> None:
        budget = self._budget
        assert budget is not None, "a bound is of a budget"  # noqa: S101
        self._in_flight -= 1
        if budget.usd is not None:
            budget.usd.give(bound.nano_usd, nano_usd)
        if budget.tokens is not None:
            budget.tokens.give(bound.tokens, tokens)
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)


class JudgeSpending:
    """Counts what the calls of one judge use, within the budget of its run."""

    def __init__(self, spending: Spending, judge: Any) -> None:
        """Count the calls of `judge` in the spend of its run."""
        self._spending = spending
        self._tally = spending.tally_of(judge)
        self._bounds = spending.bounds_of(judge)

    @property
    def reserves(self) -> bool:
        """Whether calls must `reserve`."""
        return self._bounds is not None

    async def reserve(self, *asked: Any) -> Bound:
        """Reserve what a call with the prompt `asked` may use, as that of a generator does."""
        assert self._bounds is not None, "reserves"  # noqa: S101
        return await self._spending.take(self._bounds.of(*asked))

    def release(self, bound: Bound | None) -> None:
        """Give back what was reserved for a call that was not sent."""
        self._spending.release(bound)

    def settle(self, bound: Bound | None, answer: Any, error: BaseException | None) -> None:
        """Count a call that has ended."""
        self._spending.count(self._tally, bound, answer, error)
