"""Shutdown of a worker: from the first request to its exit code."""

import time
from enum import IntEnum

SETTLE_PATIENCE_S = 20.0
"""Seconds after the grace in which the worker still tries to settle an attempt whose store is locked."""


class ExitCode(IntEnum):
    """Exit codes of `themis worker start`, beside those that all commands have."""

    CLEAN = 0
    """It ended by itself, or was asked to end and no job was cut short."""

    LEFT = 4
    """It drained the queue except for unusable jobs: their store or their file cannot be used."""

    DRAINED = 5
    """It was asked to end; jobs that had not ended within the grace, or could not be settled, were given back."""

    FORCED = 6
    """It was asked twice to end; running jobs were stopped at once and given back."""

    SLOT_LOST = 7
    """A slot's process was lost and could not be replaced."""


class Stopping:
    """Stages of a shutdown: claim no more jobs, let the running ones finish, stop them, end.

    Attributes:
        why: reason why no more jobs are claimed; None while they are.
        forced: whether running jobs are to be killed at once.
        cut_short: whether a run was stopped early, or abandoned without writing its end.
        slot_lost: whether the reason is a slot that could not be replaced.
        left: whether the queue is drained except for unusable jobs.
    """

    def __init__(self) -> None:
        """Start with no shutdown under way."""
        self.why: str | None = None
        self.forced = False
        self.cut_short = False
        self.slot_lost = False
        self.left = False
        self._deadline_s: float | None = None

    def begin(self, why: str, grace_s: float | None) -> None:
        """Claim no more jobs; running jobs have `grace_s` seconds to end, None for no limit."""
        if self.why is None:
            self.why = why
        if grace_s is not None and self._deadline_s is None:
            self._deadline_s = time.monotonic() + grace_s

    def force(self) -> None:
        """Stop all running jobs at once."""
        self.forced = True

    @property
    def is_over(self) -> bool:
        """Whether jobs that still run are to be stopped."""
        return self.forced or (self._deadline_s is not None and time.monotonic() >= self._deadline_s)

    @property
    def gives_up(self) -> bool:
        """Whether attempts that cannot be settled are to be abandoned, for another worker to recover."""
        return self.forced or (
            self._deadline_s is not None and time.monotonic() >= self._deadline_s + SETTLE_PATIENCE_S
        )

    @property
    def left_s(self) -> float | None:
        """Seconds until running jobs are stopped; None without a limit."""
        return None if self._deadline_s is None else max(0.0, self._deadline_s - time.monotonic())

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of the worker."""
        if self.slot_lost:
            return ExitCode.SLOT_LOST
        if self.forced and self.cut_short:
            return ExitCode.FORCED
        if self.cut_short:
            return ExitCode.DRAINED
        return ExitCode.LEFT if self.left else ExitCode.CLEAN
