"""Figures over several samples of each case: average, pass@k, pass^k, majority@k and best of k, from one set of them.

Each is a mean over cases of an unbiased estimate for the case: what k samples drawn without replacement from its n
scored ones give on average. A case is a cluster of samples that depend on each other, so the interval is that of a mean
over cases, which is the clustered standard error for clusters that count the same.

A sample without a score is not a wrong one: it is left out, and a case counts for those k of which it has k scored
samples.

Sources: Chen et al., "Evaluating Large Language Models Trained on Code" (2021), arXiv 2107.03374 (pass@k); Yao et al.,
"tau-bench" (2024), arXiv 2406.12045 (pass^k); Wang et al., "Self-Consistency Improves Chain of Thought Reasoning"
(2022), arXiv 2203.11171 (majority); Miller, "Adding Error Bars to Evals" (2024), arXiv 2411.00640 (interval).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple, TypeVar

from themis.core.statistics.sample_figures import AT_K, Figure, SampleFigures
from themis.core.statistics.score_tally import ScoreTally

Group = TypeVar("Group", bound=Hashable)

MOST_K = 1_000
"""The largest k of the figures."""

_PASSES = 1.0
_CHANCES = ("pass_at_k", "pass_hat_k")
_MOST_STARTS = 64
_PAGE = 500


class Sample(NamedTuple):
    """The score of a sample.

    Attributes:
        value: the score; 1 or more passes.
        ballot: equal for answers that are the same; None for one that has no vote, as nothing was found in it.
    """

    value: float
    ballot: str | None = None


class SampleTally:
    """Samples of one metric, added up case by case in little memory, however many cases there are."""

    def __init__(self, n: int) -> None:
        """Create an empty tally for cases with `n` candidates."""
        self._n = n
        self._most = min(n, MOST_K)
        self._scored = 0
        self._average = ScoreTally()
        self._at_k = {name: [ScoreTally() for _ in range(self._most)] for name in AT_K}

    def add(self, cases: Iterable[Sequence[Sample]]) -> None:
        """Add the scored samples of some cases, each in the order of its candidates."""
        source = iter(cases)
        while page := list(islice(source, _PAGE)):
            self._add([of_case for of_case in page if of_case])

    def figures(self) -> SampleFigures:
        """Return the figures of all cases together."""
        at_k = {
            name: {k: _figure(tally, bounded=name in _CHANCES) for k, tally in enumerate(tallies, 1) if tally.count}
            for name, tallies in self._at_k.items()
        }
        counts = {k: tally.count for k, tally in enumerate(self._at_k[AT_K[0]], 1) if tally.count}
        average = _figure(self._average) if self._average.count else None
        return SampleFigures(self._n, self._scored, average, at_k, counts)

    def _add(self, cases: list[Sequence[Sample]]) -> None:
        self._scored += sum(map(len, cases))
        self._average.add([sum(sample.value for sample in of_case) / len(of_case) for of_case in cases])
        by_name: dict[str, defaultdict[int, list[float]]] = {name: defaultdict(list) for name in AT_K}
        for of_case in cases:
            values = tuple(sorted((sample.value for sample in of_case), reverse=True))
            passed = sum(value >= _PASSES for value in values)
            estimates = (
                pass_at_k(len(values), passed, self._most),
                pass_hat_k(len(values), passed, self._most),
                majority_at_k(of_case, self._most),
                best_of_k(values, self._most),
            )
            for name, by_k in zip(AT_K, estimates, strict=True):
                for place, estimate in enumerate(by_k):
                    by_name[name][place].append(estimate)
        for name, by_place in by_name.items():
            for place, found in by_place.items():
                self._at_k[name][place].add(found)


def sample_figures(cases: Iterable[Sequence[Sample]], n: int) -> SampleFigures:
    """Return the figures of cases with `n` candidates each, of which the scored ones are given."""
    tally = SampleTally(n)
    tally.add(cases)
    return tally.figures()


def grouped_figures(
    cases: Iterable[tuple[Group, Sequence[Sample]]], n: int, *, together: Literal["pooled", "averaged"] = "pooled"
) -> tuple[SampleFigures, dict[Group, SampleFigures]]:
    """Return the figures of all cases together, and of each group of them.

    Args:
        cases: the group of each case, and its scored samples.
        n: number of candidates of a case.
        together: `pooled` gives each case the same weight, `averaged` each group; the interval of the latter takes the
            groups as they are, and the cases in them as drawn.
    """
    whole, tallies = SampleTally(n), defaultdict[Group, SampleTally](lambda: SampleTally(n))
    for group, of_case in cases:
        tallies[group].add([of_case])
        if together == "pooled":
            whole.add([of_case])
    found = {group: tally.figures() for group, tally in tallies.items()}
    return (whole.figures() if together == "pooled" else _averaged(n, list(found.values()))), found


@lru_cache(maxsize=4096)
def pass_at_k(n: int, passed: int, most: int = MOST_K) -> tuple[float, ...]:
    """Return for k from 1 to `n`, at most `most`, the chance that one of k samples passes, of which `passed` of n do.

    It is 1 - C(n - c, k) / C(n, k), as a product of ratios, so that nothing overflows.
    """
    found, none = [], 1.0
    for k in range(min(n, most)):
        none *= max(n - passed - k, 0) / (n - k)
        found.append(1.0 - none)
    return tuple(found)


@lru_cache(maxsize=4096)
def pass_hat_k(n: int, passed: int, most: int = MOST_K) -> tuple[float, ...]:
    """Return in the same way the chance that all k samples pass: C(c, k) / C(n, k)."""
    found, every = [], 1.0
    for k in range(min(n, most)):
        every *= max(passed - k, 0) / (n - k)
        found.append(every)
    return tuple(found)


@lru_cache(maxsize=4096)
def best_of_k(values: tuple[float, ...], most: int = MOST_K) -> tuple[float, ...]:
    """Return for each k the mean score of the best of k samples; `values` are in falling order.

    The best is the j-th of all with the chance C(n - j, k - 1) / C(n, k).
    """
    n, found = len(values), []
    for k in range(1, min(n, most) + 1):
        chance, below = k / n, 0.0
        for place, value in enumerate(values[: n - k + 1], 1):
            below += (values[0] - value) * chance
            chance *= (n - place - k + 1) / (n - place) if place < n else 0.0
        found.append(values[0] - below)
    return tuple(found)


def majority_at_k(samples: Sequence[Sample], most: int = MOST_K) -> tuple[float, ...]:
    """Return for each k the mean score of the answer that most of k samples give.

    The mean is over stretches of k successive samples, the last sample being followed by the first: one from each of
    the samples, or from 64 of them. Answers with the same number of votes win equally often. Where no sample has a
    vote, any of them is taken.
    """
    n = len(samples)
    most = min(n, most)
    if len({sample.value for sample in samples}) == 1:
        return (samples[0].value,) * most
    worth = _worth(samples)
    starts = range(0, n, -(-n // _MOST_STARTS))
    sums = [0.0] * most
    for start in starts:
        votes: Counter[str] = Counter()
        highest, leaders, of_leaders, voteless = 0, 0, 0.0, 0.0
        for place in range(most):
            sample = samples[(start + place) % n]
            if sample.ballot is None:
                voteless += sample.value
            else:
                votes[sample.ballot] += 1
                count = votes[sample.ballot]
                if count > highest:
                    highest, leaders, of_leaders = count, 0, 0.0
                if count == highest:
                    leaders, of_leaders = leaders + 1, of_leaders + worth[sample.ballot]
            sums[place] += of_leaders / leaders if leaders else voteless / (place + 1)
    return tuple(total / len(starts) for total in sums)


def _worth(samples: Sequence[Sample]) -> Mapping[str, float]:
    """Return the mean score of the samples that give the same answer; a metric may differ between them."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for sample in samples:
        if sample.ballot is not None:
            values[sample.ballot].append(sample.value)
    return {ballot: sum(found) / len(found) for ballot, found in values.items()}


def _figure(tally: ScoreTally, *, bounded: bool = False) -> Figure:
    found = tally.summary(tally.count)
    assert found.mean is not None, "there is a case"  # noqa: S101
    if bounded and found.ci_lower is not None and found.ci_upper is not None:
        return Figure(found.mean, max(found.ci_lower, 0.0), min(found.ci_upper, 1.0))
    return Figure(found.mean, found.ci_lower, found.ci_upper)


def _averaged(n: int, groups: Sequence[SampleFigures]) -> SampleFigures:
    """Return the figures over groups that count the same; those at a k only if each group has one."""
    averages = [group.average for group in groups if group.average is not None]
    shared = set(groups[0].cases_at_k).intersection(*(group.cases_at_k for group in groups)) if groups else set()
    return SampleFigures(
        n,
        sum(group.scored for group in groups),
        _mean_figure(averages) if averages else None,
        {name: {k: _mean_figure([group.at_k[name][k] for group in groups]) for k in sorted(shared)} for name in AT_K},
        {k: sum(group.cases_at_k[k] for group in groups) for k in sorted(shared)},
    )


def _mean_figure(figures: Sequence[Figure]) -> Figure:
    """Return the mean of independent figures; its interval is as wide as that of their sum, divided by their number."""
    count = len(figures)
    value = math.fsum(found.value for found in figures) / count
    ends = [(found.ci_lower, found.ci_upper) for found in figures]
    halves = [(upper - lower) / 2 for lower, upper in ends if lower is not None and upper is not None]
    if len(halves) < count:
        return Figure(value)
    half = math.hypot(*halves) / count
    return Figure(value, value - half, value + half)
