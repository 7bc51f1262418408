"""How a worker comes to its end, and what it ends with."""

import time
from enum import IntEnum

SETTLE_PATIENCE_S = 20.0
"""Seconds beyond the grace in which an attempt whose store is busy is still tried to be settled."""


class ExitCode(IntEnum):
    """What `themis worker start` ends with, beside the codes that all commands have."""

    CLEAN = 0
    """It ended by itself, or was asked to and nothing was cut short."""

    LEFT = 4
    """It drained the queue, but for jobs that could not be taken: their store, or their file, cannot be used."""

    DRAINED = 5
    """It was asked to end; what had not ended within its grace, or could not be settled then, was given back."""

    FORCED = 6
    """It was asked twice; everything was stopped at once and given back."""

    SLOT_LOST = 7
    """A slot's process was lost and could not be replaced."""


class Stopping:
    """The way from working to the end: take no more, let run, stop what runs, end.

    Attributes:
        why: why no more jobs are taken; None while they are.
        forced: whether what runs is to be killed at once.
        cut_short: whether a run was stopped for it, or let go without its end being written.
        slot_lost: whether a slot that could not be replaced is the reason.
        left: whether it drained the queue, and jobs are left that could not be taken.
    """

    def __init__(self) -> None:
        """The worker works."""
        self.why: str | None = None
        self.forced = False
        self.cut_short = False
        self.slot_lost = False
        self.left = False
        self._deadline_s: float | None = None

    def begin(self, why: str, grace_s: float | None) -> None:
        """Take no more jobs; what runs has `grace_s` seconds to end, or as long as it likes."""
        if self.why is None:
            self.why = why
        if grace_s is not None and self._deadline_s is None:
            self._deadline_s = time.monotonic() + grace_s

    def force(self) -> None:
        """Stop everything at once."""
        self.forced = True

    @property
    def is_over(self) -> bool:
        """Whether what still runs is to be stopped."""
        return self.forced or (self._deadline_s is not None and time.monotonic() >= self._deadline_s)

    @property
    def gives_up(self) -> bool:
        """Whether even what cannot be settled is to be let go, for whoever finds it."""
        return self.forced or (
            self._deadline_s is not None and time.monotonic() >= self._deadline_s + SETTLE_PATIENCE_S
        )

    @property
    def left_s(self) -> float | None:
        """Seconds until then; None when nothing limits them."""
        return None if self._deadline_s is None else max(0.0, self._deadline_s - time.monotonic())

    @property
    def exit_code(self) -> ExitCode:
        """What the worker ends with."""
        if self.slot_lost:
            return ExitCode.SLOT_LOST
        if self.forced and self.cut_short:
            return ExitCode.FORCED
        if self.cut_short:
            return ExitCode.DRAINED
        return ExitCode.LEFT if self.left else ExitCode.CLEAN
