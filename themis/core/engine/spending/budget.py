"""Budget of an execution: what it may use, and what its calls use at most."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from themis.core.cost.spend import CallGroup, Spend
from themis.core.cost.tokens import Tokens
from themis.core.engine.spending.account import Account
from themis.core.engine.spending.bound import NOTHING, Bound
from themis.core.errors import BudgetSpentError

if TYPE_CHECKING:  # what only a budget needs
    from themis.core.engine.spending.bounds import Bounds

logger = logging.getLogger("themis.engine")

NANO = 1e9

Pricing = Callable[[CallGroup, Tokens], int | None]
"""Returns what a call cost, in billionths of a dollar; None when that is not known, or not limited."""

Highest = Callable[[Spend], Bound]
"""Returns the most that the calls of a spend have used; input and output together are in `input`."""


@dataclass(slots=True)
class Budget:
    """The accounts of an execution.

    Attributes:
        usd: in billionths of a dollar; None where dollars are not limited.
        tokens: None where tokens are not limited.
        bounds: of the generator's calls.
        price: of all calls.
        highest: of the spends of batches.
        judge_bounds: of the calls of each judge, by its identity.
    """

    usd: Account | None
    tokens: Account | None
    bounds: "Bounds"
    price: Pricing
    highest: Highest = lambda _: NOTHING
    judge_bounds: "Mapping[int, Bounds]" = field(default_factory=dict)
    _was_exceeded: bool = False

    def amounts(self, bound: Bound) -> list[tuple[Account, int]]:
        """Return each account with what a call may use of it."""
        found = [] if self.usd is None else [(self.usd, bound.nano_usd)]
        return found if self.tokens is None else [*found, (self.tokens, bound.tokens)]

    def fits(self, bound: Bound) -> bool:
        """Whether a call, or all questions of a batch, can be sent now."""
        return all(account.fits(amount) for account, amount in self.amounts(bound))

    @property
    def accounts(self) -> list[Account]:
        """Those that there are."""
        return [account for account in (self.usd, self.tokens) if account is not None]

    def warn_if_exceeded(self, asked: str, bound: Bound, used: Bound) -> None:
        """Warn once when a provider counts more than a call, or a batch, could use by its request."""
        if self._was_exceeded or (used.nano_usd <= bound.nano_usd and used.tokens <= bound.tokens):
            return
        self._was_exceeded = True
        logger.warning(
            "a call to %s used %s tokens ($%.6f), though its request allows %s ($%.6f): runtime.budget may be exceeded",
            asked,
            f"{used.tokens:,}",
            used.nano_usd / NANO,
            f"{bound.tokens:,}",
            bound.nano_usd / NANO,
        )

    def spent(self, bound: Bound) -> BudgetSpentError:
        """Return the error for the account that a call does not fit into."""
        usd = self.usd
        if usd is not None and not usd.fits(bound.nano_usd):
            shown = [f"${amount / NANO:.4f}" for amount in (usd.spent, usd.limit, bound.nano_usd)]
            return BudgetSpentError(used=shown[0], limit=shown[1], need=shown[2], key="usd")
        tokens = self.tokens
        assert tokens is not None, "one of them is full"  # noqa: S101
        shown = [f"{amount:,} tokens" for amount in (tokens.spent, tokens.limit, bound.tokens)]
        return BudgetSpentError(used=shown[0], limit=shown[1], need=shown[2], key="tokens")
