"""Spends of batches: reserved in the store before a batch is sent, and settled by its results.

A batch outlives the execution that submits it. So what it may use is a spend of its own, with the reservation as its
ceiling, until all its results are counted: by whichever process stores them.
"""

from collections.abc import Mapping
from typing import Any

from themis.core.cost.spend import BATCH_TIER, Ceiling, Spend
from themis.core.engine.spending.bound import NOTHING, Bound
from themis.core.engine.spending.budget import Budget
from themis.core.engine.spending.charges import charge_of
from themis.core.engine.spending.tally import Tally


class BatchSpend:
    """Spend of one batch.

    Attributes:
        execution: the number that it is stored under.
        counted: what the budget takes it to use, at most.
    """

    def __init__(self, number: int, provider: str, model: str, spend: Spend, budget: Budget | None) -> None:
        """Keep a spend, which may be that of an earlier process."""
        self.execution = number
        self.counted = NOTHING
        self._tally = Tally(provider, model, spend)
        self._budget = budget

    @property
    def spend(self) -> Spend:
        """Its calls, as they are stored."""
        return self._tally.spend

    def settle(self, question: tuple[Any, ...], answer: Any, error: BaseException | None) -> None:
        """Count the result of a question."""
        charge = charge_of(answer, error)
        if charge is not None:
            bound = None
            if charge.tokens is None and self._budget is not None:
                bound = self._budget.bounds.of(*question, tier=BATCH_TIER)
            self._tally.count(charge._replace(tier=BATCH_TIER), bound)

    def text(self, *, closing: bool = False) -> str | None:  # noqa: ARG002  # it ends with its batch, not with a writer
        """Return the spend to write with the outcomes of now; None when the store has it already."""
        if not self._tally.has_changed:
            return None
        return self.whole_text()

    def whole_text(self) -> str:
        """Return the spend to write now."""
        self._tally.has_changed = False
        return self.spend.text()

    def written(self, others: object = None) -> None:
        """Note that the last `text` is in the store."""

    def others_now(self) -> None:
        """Return nothing: a run with batches is carried out by one execution at a time."""
        return


class BatchReservation:
    """Tokens and dollars that the questions of a batch can use, while it is filled.

    Attributes:
        bound: of all of them together.
        refused: the question that did not fit into the budget; None while all did.
    """

    def __init__(self, budget: Budget) -> None:
        """Fill a batch within `budget`."""
        self.bound = NOTHING
        self.refused: Bound | None = None
        self._budget = budget

    def bound_of(self, *question: Any) -> Bound:
        """Return what a question can use.

        Raises:
            UnboundedCallError: nothing bounds it.
        """
        return self._budget.bounds.of(*question, tier=BATCH_TIER)

    def takes(self, bound: Bound) -> bool:
        """Add a question, unless it does not fit."""
        whole = self.bound.plus(bound)
        if not self._budget.fits(whole):
            self.refused = bound
            return False
        self.bound = whole
        return True


class BatchSpends:
    """Spends of all batches of a run."""

    def __init__(
        self, provider: str, model: str, stored: Mapping[int, Spend], first: int, budget: Budget | None
    ) -> None:
        """Continue the spends that are `stored`; a new one gets a number from `first` on."""
        self._provider = provider
        self._model = model
        self._budget = budget
        self._next = first
        self._by_nonce: dict[str, BatchSpend] = {}
        for number, spend in stored.items():
            if spend.batch is not None:
                self._by_nonce[spend.batch] = self._new(number, spend)

    def of(self, nonce: str) -> BatchSpend:
        """Return the spend of a batch; a new one if it was submitted without a budget."""
        found = self._by_nonce.get(nonce)
        if found is None:
            found = self._by_nonce[nonce] = self._new(self._next, Spend(batch=nonce))
            self._next += 1
        return found

    def is_open(self, nonce: str) -> bool:
        """Whether something is reserved for a batch."""
        return nonce in self._by_nonce and self._by_nonce[nonce].spend.ceiling is not None

    def begin(self, nonce: str) -> BatchReservation | None:
        """Begin to fill a batch; None without a budget.

        What was reserved for it before is free again, as it was never submitted.
        """
        if self._budget is None:
            return None
        if nonce in self._by_nonce:
            self._recount(self._by_nonce[nonce], NOTHING)
        return BatchReservation(self._budget)

    def reserve(self, nonce: str, reservation: BatchReservation) -> BatchSpend:
        """Reserve what the questions of a batch can use; the spend is to be written before it is submitted."""
        budget = self._budget
        assert budget is not None, "a reservation is of a budget"  # noqa: S101
        found, bound = self.of(nonce), reservation.bound
        found.spend.ceiling = Ceiling(None if budget.usd is None else bound.nano_usd, bound.tokens)
        found.spend.has_ended = False
        self._recount(found, bound)
        return found

    def close(self, nonce: str, *, is_certain: bool) -> BatchSpend | None:
        """End the spend of a batch; returns it, to be written, or None when there is none.

        Args:
            nonce: the batch.
            is_certain: whether all that was charged for is counted; otherwise what was reserved counts as used.
        """
        found = self._by_nonce.get(nonce)
        if found is None:
            return None
        found.spend.has_ended = True
        if is_certain:
            found.spend.ceiling = None
        if self._budget is not None:
            used = self._budget.highest(found.spend)
            self._budget.warn_if_exceeded(self._provider or self._model, found.counted, used)
            self._recount(found, used)
        return found

    def _new(self, number: int, spend: Spend) -> BatchSpend:
        found = BatchSpend(number, self._provider, self._model, spend, self._budget)
        if self._budget is not None:
            self._recount(found, self._budget.highest(spend))
        return found

    def _recount(self, spend: BatchSpend, bound: Bound) -> None:
        """Let the accounts count a batch for so much."""
        if self._budget is not None:
            before = self._budget.amounts(spend.counted)
            for (account, now), (_, counted) in zip(self._budget.amounts(bound), before, strict=True):
                account.batches += now - counted
        spend.counted = bound
