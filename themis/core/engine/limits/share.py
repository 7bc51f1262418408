"""One run's part in the limits of a provider, and whose turn it is among the runs that wait."""

import asyncio
from collections.abc import Callable, Iterable

from themis.core.values.run_rules import RunRules

PATIENCE_S = 0.25
"""Seconds for which a run leaves room to another whose turn it is, and which may be stuck."""


class Share:
    """One run at a provider.

    Attributes:
        rules: what its configuration says about the provider.
        wants: whether a call of it was refused by the provider's limits, and waits.
        turns: its turn; the run with the lowest is the next.
    """

    __slots__ = ("_loop", "_wake", "_woken", "_yielded_at", "rules", "turns", "waiting", "wants")

    def __init__(self, rules: RunRules, wake: Callable[[], None], waiting: Callable[[], int]) -> None:
        """A share of a run that tries again when `wake` is called, on its event loop; `waiting` counts its calls."""
        self.rules = rules
        self.wants = False
        self.turns = 0
        self.waiting = waiting
        self._wake = wake
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._yielded_at: float | None = None

    def refused(self, turn: int) -> None:
        """Note that a call must wait; a run that has not waited so far has saved up no turns."""
        self._loop = asyncio.get_running_loop()
        if not self.wants:
            self.wants = True
            self.turns = max(self.turns, turn)

    def had_turn(self) -> None:
        """Note that a call began."""
        self.turns += 1
        self._yielded_at = None

    def no_room(self) -> None:
        """Note that the limits have no room, for this run or another."""
        self._yielded_at = None

    def yields(self, now: float) -> bool:
        """Whether to leave the room that there is to the run whose turn it is."""
        if self._yielded_at is None:
            self._yielded_at = now
        return now - self._yielded_at < PATIENCE_S

    @property
    def has_yielded(self) -> bool:
        """Whether it leaves room to another run now."""
        return self._yielded_at is not None

    def wake(self) -> None:
        """Make the run try again soon; callable from any thread."""
        if self._woken or self._loop is None:
            return
        self._woken = True
        try:
            self._loop.call_soon_threadsafe(self._try_again)
        except RuntimeError:  # its loop is closed: the run is over
            self.wants = False

    def _try_again(self) -> None:
        self._woken = False
        self._wake()


def next_in_turn(shares: Iterable[Share], besides: Share) -> Share | None:
    """The run, besides one, that waits and has waited for the most turns."""
    return min((one for one in shares if one.wants and one is not besides), key=lambda one: one.turns, default=None)
