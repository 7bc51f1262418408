"""Random resamples of scores, in arrays: thousands of cases a thousand times in a fraction of a second."""

from themis.core.comparison.libraries import NDArray, np

Values = NDArray[np.float64]

_AT_ONCE = 2_000_000
"""Most random numbers that are in memory at once."""

_DRAWS, _PLACES = 10, 256
"""Draws of `_AT_ONCE` signs that are added up together, and places of eight values that are added up at a time."""

_FEW = 64
"""Most distinct values for which it is quicker to draw how often each is chosen than to choose."""


def generator(seed: int) -> np.random.Generator:
    """Return a generator of random numbers that gives the same ones for a seed, on every machine."""
    return np.random.Generator(np.random.SFC64(seed))


def resampled_means(values: Values, resamples: int, chance: np.random.Generator) -> Values:
    """Return the mean of each of so many samples, of as many values as there are, drawn with replacement."""
    distinct, counts = np.unique(values, return_counts=True)
    count = len(values)
    if len(distinct) <= _FEW:
        drawn: Values = chance.multinomial(count, counts / count, size=resamples) @ distinct / count
        return drawn
    rows = max(1, _AT_ONCE // count)
    parts = [
        values[chance.integers(0, count, size=(min(rows, resamples - first), count), dtype=np.int32)].mean(axis=1)
        for first in range(0, resamples, rows)
    ]
    return np.concatenate(parts)


def sums_of_random_signs(values: Values, resamples: int, chance: np.random.Generator) -> Values:
    """Return so many sums of `values`, each with a random sign of each value."""
    sizes, counts = np.unique(np.abs(values), return_counts=True)
    if len(sizes) <= _FEW:
        # Of m equal values, k of which are positive, the sum is (2k - m) times the value.
        positive = chance.binomial(counts, 0.5, size=(resamples, len(sizes)))
        few: Values = (2.0 * positive - counts) @ sizes
        return few
    rows = max(1, _AT_ONCE // len(values))
    sums = _sums_by_octet(values)
    parts = []
    for first in range(0, resamples, rows * _DRAWS):
        draws = range(first, min(first + rows * _DRAWS, resamples), rows)
        shapes = [(min(rows, resamples - begin), len(sums)) for begin in draws]
        octets = np.concatenate([chance.integers(0, 256, size=shape, dtype=np.uint8) for shape in shapes])
        parts.append(2.0 * _chosen_sums(sums, octets) - values.sum())
    return np.concatenate(parts)


def _sums_by_octet(values: Values) -> Values:
    """Return for each eight values the 256 sums of those whose bit is 1 in an octet; the first has the highest bit."""
    padded = np.zeros((len(values) + 7) // 8 * 8)
    padded[: len(values)] = values
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1).astype(np.float64)
    sums: Values = padded.reshape(-1, 8) @ bits.T
    return sums


def _chosen_sums(sums: Values, octets: NDArray[np.uint8]) -> Values:
    """Return for each row of octets the total of their sums; those of a few places at a time stay in a fast cache."""
    totals: Values = np.zeros(len(octets))
    for first in range(0, len(sums), _PLACES):
        some, chosen = sums[first : first + _PLACES], octets[:, first : first + _PLACES]
        places = np.ascontiguousarray(chosen.T) + np.arange(0, some.size, 256)[:, np.newaxis]
        totals += some.ravel().take(places).sum(axis=0)
    return totals


def bootstrap_interval(values: Values, *, resamples: int, seed: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a mean by the percentiles of resampled means.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    means = resampled_means(values, resamples, generator(seed))
    outside = (1 - level) / 2
    lower, upper = np.quantile(means, [outside, 1 - outside])
    return float(lower), float(upper)
