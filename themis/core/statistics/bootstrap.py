"""Bootstrap intervals: of a figure that is not a mean, by computing it again for random samples of its rows."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

Row = TypeVar("Row")
Figures = Mapping[str, float | str]
"""Numbers by name; texts among them say how these were computed."""

MOST_ROWS = 10_000
"""Most rows that are kept for resampling, drawn at random from all."""

MOST_SAMPLES, FEWEST_SAMPLES = 1_000, 100
_ROWS_IN_ALL = 1_000_000
_LOWER, _UPPER = 0.025, 0.975


class Reservoir(Iterable[Row]):
    """Rows that can be iterated over once, while a random sample of them is kept.

    Attributes:
        count: how many there were.
        kept: all of them, or the sample. Source: Vitter, "Random Sampling with a Reservoir", ACM TOMS 11 (1985).
    """

    def __init__(self, rows: Iterable[Row], seed: int) -> None:
        """Draw from `rows`, by a seed."""
        self._rows = rows
        self._chance = random.Random(seed)  # noqa: S311  # draws rows, guards nothing
        self.count = 0
        self.kept: list[Row] = []

    def __iter__(self) -> Iterator[Row]:
        """Yield each row."""
        for row in self._rows:
            self.count += 1
            if len(self.kept) < MOST_ROWS:
                self.kept.append(row)
            elif (place := self._chance.randrange(self.count)) < MOST_ROWS:
                self.kept[place] = row
            yield row


def intervals(
    rows: Sequence[Row],
    figures: Callable[[Iterable[Row]], Figures],
    found: Mapping[str, float],
    *,
    total: int,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each figure: the percentiles over samples of rows, drawn with replacement.

    Of more rows than `MOST_ROWS` a part is resampled, and the distances from the figure shrink by the root of its share
    (the m out of n bootstrap). A figure that is not finite in each sample has no interval, nor has one of a single row.

    Args:
        rows: all rows, or a random part of them.
        figures: computes the figures of some rows.
        found: the figures of all rows.
        total: number of all rows.
        seed: of the samples.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13; Bickel, Götze and van Zwet,
    "Resampling fewer than n observations", Statistica Sinica 7 (1997).
    """
    count = len(rows)
    if count < 2 or not found:  # noqa: PLR2004  # one row says nothing of how rows differ, and no figure needs none
        return {}
    chance = random.Random(seed)  # noqa: S311  # draws rows, guards nothing
    samples = max(FEWEST_SAMPLES, min(MOST_SAMPLES, _ROWS_IN_ALL // count))
    drawn = [figures(chance.choices(rows, k=count)) for _ in range(samples)]
    share = math.sqrt(count / total)
    given: dict[str, tuple[float, float]] = {}
    for name, value in found.items():
        values = sorted(float(sample.get(name, math.nan)) for sample in drawn)
        if all(map(math.isfinite, (value, *values))):
            ends = (values[math.floor(_LOWER * samples)], values[math.ceil(_UPPER * samples) - 1])
            given[name] = (value + (ends[0] - value) * share, value + (ends[1] - value) * share)
    return given
