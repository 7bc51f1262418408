"""Progress in words."""

from typing import Protocol

from themis.core.values.durations import how_long

_FEW_PER_SECOND = 10
"""A rate below this has one more digit."""


class Progress(Protocol):
    """The progress of something: `done` of `total`.

    The progress of a run also has `failed`, `resumed` for cases that were done before, `waits_for`, and `stalled`,
    which returns the call that has stalled for longest.
    """

    total: int
    done: int


def describe(progress: Progress, rate: float, unit: str = "cases") -> str:
    """Describe progress in words."""
    if (waiting := waits_for(progress)) is not None:
        return waiting
    return f"{counts(progress, unit)}, {rest(progress, rate)}"


def counts(progress: Progress, unit: str = "cases") -> str:
    """Return how many of all are done."""
    return f"{progress.done:,} of {progress.total:,} {unit}"


def rest(progress: Progress, rate: float) -> str:
    """Return what is said beside the counts: failures, rate per second, time that is left."""
    if (waiting := waits_for(progress)) is not None:
        return waiting
    parts = [*_failed(progress), f"{rate:,.0f}/s" if rate >= _FEW_PER_SECOND else f"{rate:.1f}/s"]
    left = progress.total - progress.done
    if left and rate:
        parts.append(f"{how_long(max(left / rate, 1.0))} left")
    return ", ".join([*parts, *_resumed(progress)])


def ended(progress: Progress, seconds: float, unit: str = "cases") -> str:
    """Return what is said at the end, after `seconds`."""
    parts = [counts(progress, unit), *_failed(progress), f"in {how_long(seconds)}", *_resumed(progress)]
    return ", ".join(parts)


def waits_for(progress: Progress) -> str | None:
    """Return what the whole of it waits for; None while it works."""
    return getattr(progress, "waits_for", None)


def resumed(progress: Progress) -> int:
    """Return the number of cases that were done before, which do not count for the rate."""
    return getattr(progress, "resumed", 0)


def _failed(progress: Progress) -> list[str]:
    failed = getattr(progress, "failed", None)
    return [] if failed is None else [f"{failed:,} failed"]


def _resumed(progress: Progress) -> list[str]:
    before = resumed(progress)
    return [f"{before:,} were done before"] if before else []
