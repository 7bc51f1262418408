"""The comparison of two runs in all their metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import NamedTuple

from themis.core.comparison.difference import PairedDifference
from themis.core.comparison.paired import paired_difference
from themis.core.comparison.scores import RunScores
from themis.core.comparison.significance import holm


class Flip(NamedTuple):
    """A case whose score differs between two runs."""

    metric_id: str
    case_key: str
    baseline: float
    candidate: float


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Cases that a metric could not be compared by, by their keys.

    Attributes:
        only_in_baseline, only_in_candidate: cases that the other run does not have.
        unscored_in_baseline, unscored_in_candidate: cases of both runs without a score in that one.
    """

    only_in_baseline: tuple[str, ...]
    only_in_candidate: tuple[str, ...]
    unscored_in_baseline: tuple[str, ...]
    unscored_in_candidate: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(
            (self.only_in_baseline, self.only_in_candidate, self.unscored_in_baseline, self.unscored_in_candidate)
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs compared in the metrics that both have.

    Attributes:
        metrics: by id.
        unpaired: what is missing, by metric id.
        only_in_baseline, only_in_candidate: metrics that the other run does not have.
    """

    baseline_run_id: str
    candidate_run_id: str
    metrics: Mapping[str, PairedDifference]
    unpaired: Mapping[str, Unpaired]
    only_in_baseline: tuple[str, ...] = ()
    only_in_candidate: tuple[str, ...] = ()


def compare(baseline: RunScores, candidate: RunScores, *, clusters: Mapping[str, str] | None = None) -> Comparison:
    """Return the comparison of two runs, as `compare_all` does."""
    return compare_all(baseline, [candidate], clusters=clusters)[0]


def compare_all(
    baseline: RunScores, candidates: Sequence[RunScores], *, clusters: Mapping[str, str] | None = None
) -> list[Comparison]:
    """Return the comparison of each candidate with the baseline; p-values are also adjusted for the number of all.

    Args:
        baseline: the run to compare with.
        candidates: the runs to judge.
        clusters: name of each case's cluster by its key, for cases that are not independent.
    """
    found = {
        (number, metric_id): paired_difference(baseline, candidate, metric_id, clusters)
        for number, candidate in enumerate(candidates)
        for metric_id in baseline.scores
        if metric_id in candidate.scores
    }
    adjusted = holm({place: one.p_value for place, one in found.items() if one.p_value is not None})
    return [
        Comparison(
            baseline.run_id,
            candidate.run_id,
            {
                metric_id: one.model_copy(update={"p_adjusted": adjusted.get((place, metric_id))})
                for (place, metric_id), one in found.items()
                if place == number
            },
            {name: _unpaired(baseline, candidate, name) for name in baseline.scores if name in candidate.scores},
            tuple(metric_id for metric_id in baseline.scores if metric_id not in candidate.scores),
            tuple(metric_id for metric_id in candidate.scores if metric_id not in baseline.scores),
        )
        for number, candidate in enumerate(candidates)
    ]


def flips(baseline: RunScores, candidate: RunScores, metric_id: str, most: int | None = None) -> Sequence[Flip]:
    """Return the cases whose score differs, those that became worse first, each by the size of the difference.

    Args:
        baseline: the run to compare with.
        candidate: the run to judge.
        metric_id: a metric of both.
        most: number of cases to return at most; None for all.
    """
    before, after = baseline.scored(metric_id), candidate.scored(metric_id)
    found = [(key, score, after[key]) for key, score in before.items() if key in after and score != after[key]]
    first = nsmallest(len(found) if most is None else most, found, _rank)
    return [Flip(metric_id, *flip) for flip in first]


def _rank(flip: tuple[str, float, float]) -> tuple[bool, float]:
    _, before, after = flip
    return after > before, -abs(after - before)


def _unpaired(baseline: RunScores, candidate: RunScores, metric_id: str) -> Unpaired:
    before, after = baseline.scores[metric_id], candidate.scores[metric_id]
    return Unpaired(
        _missing(before, after),
        _missing(after, before),
        tuple(key for key in baseline.unscored(metric_id) if key in after),
        tuple(key for key in candidate.unscored(metric_id) if key in before),
    )


def _missing(some: Mapping[str, object], others: Mapping[str, object]) -> tuple[str, ...]:
    """The keys that the others do not have; most often none, which is soon found."""
    return () if some.keys() <= others.keys() else tuple(key for key in some if key not in others)
