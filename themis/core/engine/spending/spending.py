"""The spend of one execution of a run, call by call; under a budget, calls wait until they fit."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from themis.core.cost.spend import CallGroup, Ceiling, Fate, Spend, band_of, day_now
from themis.core.cost.tokens import Tokens
from themis.core.engine.spending.account import Account
from themis.core.engine.spending.bound import Bound
from themis.core.engine.spending.charges import Charge, charge_of_answer, charge_of_failure
from themis.core.errors import BudgetSpentError

if TYPE_CHECKING:  # what only a budget needs
    from themis.core.engine.spending.bounds import Bounds

logger = logging.getLogger("themis.engine")

Pricing = Callable[[CallGroup, Tokens], int | None]
"""Returns what a call cost, in billionths of a dollar; None when that is not known, or not limited."""


_NANO = 1e9


class Budget:
    """The accounts of an execution.

    Attributes:
        usd: in billionths of a dollar; None where dollars are not limited.
        tokens: None where tokens are not limited.
        bounds: of its calls.
        price: of its calls.
    """

    __slots__ = ("bounds", "price", "tokens", "usd")

    def __init__(self, usd: Account | None, tokens: Account | None, bounds: "Bounds", price: Pricing) -> None:
        """Keep these accounts."""
        self.usd = usd
        self.tokens = tokens
        self.bounds = bounds
        self.price = price

    def amounts(self, bound: Bound) -> list[tuple[Account, int]]:
        """Return each account with what a call may use of it."""
        found = [] if self.usd is None else [(self.usd, bound.nano_usd)]
        return found if self.tokens is None else [*found, (self.tokens, bound.tokens)]

    @property
    def accounts(self) -> list[Account]:
        """Those that there are."""
        return [account for account in (self.usd, self.tokens) if account is not None]


class Spending:
    """Counts what the calls of one execution use, and lets them begin while they fit into its budget.

    Attributes:
        execution: its number.
        flush: writes the spend to the store, and returns when it is there.
    """

    def __init__(self, provider: str, model: str, execution: int, budget: Budget | None) -> None:
        """Count the calls of `model` at `provider`."""
        self.execution = execution
        self.flush: Callable[[], Awaitable[None]] | None = None
        self._provider = provider
        self._model = model
        self._budget = budget
        self._spend = Spend()
        self._has_changed = False
        self._in_flight = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._stopped: BudgetSpentError | None = None
        self._was_exceeded = False

    @property
    def reserves(self) -> bool:
        """Whether calls must `reserve`."""
        return self._budget is not None

    async def reserve(self, case: Any, ctx: Any) -> Bound:
        """Reserve what a call may use, before it is sent; `settle` or `release` must follow.

        Raises:
            BudgetSpentError: it does not fit, and no call in flight could leave room for it.
            UnboundedCallError: nothing bounds the call.
        """
        budget = self._budget
        assert budget is not None, "reserves"  # noqa: S101
        bound = budget.bounds.of(case, ctx)
        amounts = budget.amounts(bound)
        while not all(account.fits(amount) for account, amount in amounts):
            if not self._in_flight and self._stopped is None:
                self._stopped = _spent(budget, bound)
            if self._stopped is not None:
                raise self._stopped
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._in_flight += 1
        for account, amount in amounts:
            account.take(amount)
        if self.flush is not None and not all(account.is_announced for account, _ in amounts):
            self._has_changed = True
            try:
                await self.flush()
            except BaseException:
                self.release(bound)
                raise
        return bound

    def release(self, bound: Bound | None) -> None:
        """Give back what was reserved for a call that was not sent, or not charged for."""
        if bound is not None:
            self._give(bound, 0, 0)

    def settle(self, bound: Bound | None, answer: Any, error: BaseException | None) -> None:
        """Count a call that has ended; without an answer and an error, it was cancelled."""
        charge = charge_of_failure(error) if answer is None else charge_of_answer(answer)
        if charge is None:
            self.release(bound)
            return
        tokens = charge.tokens
        if tokens is None:
            tokens = Tokens()
            if bound is not None:
                tokens, charge = Tokens(input=bound.input, output=bound.output), charge._replace(tier=bound.tier)
        group = self._group(charge, tokens)
        self._spend.add(group, 1, tokens)
        self._has_changed = True
        if bound is not None and self._budget is not None:
            priced = None if charge.fate == Fate.UNKNOWN else self._budget.price(group, tokens)
            used = bound.nano_usd if priced is None else priced
            self._warn_if_exceeded(bound, used, tokens.total)
            self._give(bound, used, tokens.total)

    def text(self, *, closing: bool) -> str | None:
        """Return the spend to write with the outcomes of now; None when the store has it already."""
        is_open = bool(self._spend.groups) or self._spend.ceiling is not None
        if not self._has_changed and not (closing and is_open):
            return None
        self._has_changed = False
        self._spend.has_ended = closing
        budget = self._budget
        if budget is not None:
            ceilings = [None if account is None else account.ceiling() for account in (budget.usd, budget.tokens)]
            self._spend.ceiling = None if closing else Ceiling(*ceilings)
        return self._spend.text()

    def written(self) -> None:
        """Note that the last `text` is in the store."""
        if self._budget is not None:
            for account in self._budget.accounts:
                account.written()

    def _group(self, charge: Charge, tokens: Tokens) -> CallGroup:
        day = day_now(time.time_ns())
        band = band_of(tokens.of_input)
        return CallGroup(day, self._provider, self._model, charge.served, charge.tier, band, charge.fate)

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

    def _warn_if_exceeded(self, bound: Bound, nano_usd: int, tokens: int) -> None:
        """Warn once when a provider counts more than a call could use by its request."""
        if self._was_exceeded or (nano_usd <= bound.nano_usd and tokens <= bound.tokens):
            return
        self._was_exceeded = True
        logger.warning(
            "a call to %s used %s tokens ($%.6f), though its request allows %s ($%.6f): runtime.budget may be exceeded",
            self._provider or self._model,
            f"{tokens:,}",
            nano_usd / _NANO,
            f"{bound.tokens:,}",
            bound.nano_usd / _NANO,
        )


def _spent(budget: Budget, bound: Bound) -> BudgetSpentError:
    """Return the error for the account that a call does not fit into."""
    usd = budget.usd
    if usd is not None and not usd.fits(bound.nano_usd):
        shown = [f"${amount / _NANO:.4f}" for amount in (usd.spent, usd.limit, bound.nano_usd)]
        return BudgetSpentError(used=shown[0], limit=shown[1], need=shown[2], key="usd")
    tokens = budget.tokens
    assert tokens is not None, "one of them is full"  # noqa: S101
    shown = [f"{amount:,} tokens" for amount in (tokens.spent, tokens.limit, bound.tokens)]
    return BudgetSpentError(used=shown[0], limit=shown[1], need=shown[2], key="tokens")
