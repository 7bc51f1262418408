"""Account of one unit, dollars or tokens: what may be used, what was, what is reserved, and what the store knows."""

from dataclasses import dataclass


@dataclass(slots=True)
class Account:
    """Amounts of one unit in one execution of a run; all of them whole numbers.

    Attributes:
        limit: the most that the run may use, in all executions.
        before: what earlier executions used, at most.
        batches: what batches used, or may use, at most; they outlive the execution that submits them.
        used: what the calls of this one that have ended used.
        in_flight: what the others may use, at most.
        announced: what this execution may have used by now, as the store says.
        is_shared: whether other executions use the same budget now; `before` is what they may have used, too.
    """

    limit: int
    before: int = 0
    batches: int = 0
    used: int = 0
    in_flight: int = 0
    announced: int = 0
    is_shared: bool = False
    _largest: int = 0
    _written: int = 0

    @property
    def spent(self) -> int:
        """Amount that the run has used so far, at most, without what is in flight."""
        return self.before + self.batches + self.used

    @property
    def is_announced(self) -> bool:
        """Whether the store knows of all that may have been used if this process dies now."""
        return self.used + self.in_flight <= self.announced

    def fits(self, amount: int) -> bool:
        """Whether a call that may use so much can be sent now."""
        return self.spent + self.in_flight + amount <= self.limit

    def take(self, amount: int) -> None:
        """Reserve what a call may use."""
        self.in_flight += amount
        self._largest = max(self._largest, amount)

    def give(self, amount: int, used: int) -> None:
        """Replace a reservation by what was used."""
        self.in_flight -= amount
        self.used += used

    def ceiling(self) -> int:
        """The amount to write to the store now, with room for calls that begin before the next write.

        A lower one holds at once, as it may be in the store at any moment; a higher one only when it is `written`.
        """
        may_be_used = self.used + self.in_flight
        # Nothing is kept from others while nothing is in flight.
        room = self._largest if self.in_flight or not self.is_shared else 0
        with_room = may_be_used + self.in_flight // 4 + room
        self._written = max(may_be_used, min(with_room, self.limit - self.before - self.batches))
        self.announced = min(self.announced, self._written)
        return self._written

    def written(self, others: int | None = None) -> None:
        """Note that the last `ceiling` is in the store, and what others may have used by then, if that is shared."""
        self.announced = self._written
        if others is not None:
            self.before = others
            self.announced = min(self._written, self.limit - self.before - self.batches)
