"""Random resamples of scores, in arrays: thousands of cases a thousand times in a fraction of a second."""

from themis.core.comparison.libraries import NDArray, np

Values = NDArray[np.float64]

_AT_ONCE = 2_000_000
"""Most random numbers that are in memory at once."""

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
    count = len(values)
    rows = max(1, _AT_ONCE // count)
    total = values.sum()
    parts = []
    for first in range(0, resamples, rows):
        number = min(rows, resamples - first)
        octets = chance.integers(0, 256, size=(number, (count + 7) // 8), dtype=np.uint8)
        positive_sum = np.unpackbits(octets, axis=1, count=count).astype(np.float64) @ values
        parts.append(2.0 * positive_sum - total)
    return np.concatenate(parts)


def bootstrap_interval(values: Values, *, resamples: int, seed: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a mean by the percentiles of resampled means.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    means = resampled_means(values, resamples, generator(seed))
    outside = (1 - level) / 2
    lower, upper = np.quantile(means, [outside, 1 - outside])
    return float(lower), float(upper)
