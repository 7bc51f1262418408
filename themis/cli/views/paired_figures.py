"""Figures of a paired difference between two runs, as cells of a table."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from themis.core.comparison.difference import PairedDifference


def figure(value: float | None, sign: str = "") -> str | None:
    """Return a number as a cell, with a sign for `+`; None for an empty one."""
    return None if value is None else f"{value:{sign}.4f}"


def paired_figures(one: "PairedDifference") -> tuple[str | None, ...]:
    """Return the mean difference, its interval, p, and the numbers of pairs, of better and of worse cases."""
    return (
        figure(one.mean_delta, "+"),
        None if one.ci_lower is None else f"{one.ci_lower:+.4f} to {one.ci_upper:+.4f}",
        figure(one.p_adjusted),
        f"{one.pairs:,}",
        f"{one.wins:,}",
        f"{one.losses:,}",
    )
