"""Bounds of the cases that have begun and not ended: calls in flight, and answers that wait for their evaluation."""

AHEAD = 8
"""Cases that may wait for their evaluation, per call in flight beyond the first."""

MOST_AHEAD = 1_000
"""Upper limit of cases that may wait for their evaluation: their answers are in memory."""


def most_ahead(tasks: int) -> int:
    """Return how many cases may wait for their evaluation, with so many calls in flight."""
    # One at a time is literal: with one call in flight the next case waits until this one is scored.
    return min(MOST_AHEAD, AHEAD * (tasks - 1))


def most_in_flight(tasks: int) -> int:
    """Return how many cases may have begun and not ended, with so many calls in flight."""
    return most_ahead(tasks) + 2 * tasks + 1  # each task may bring one more before it waits
