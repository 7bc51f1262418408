"""Summary of a metric over the cases of a run: exact sums, and the figures computed from them.

A mean of floats that are added one by one depends on their order, and can overflow while every score is finite. Here a
sum is a fraction, so that mean and variance are exact for the stored scores and rounded once.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Any

from themis.core.statistics.aggregates import Aggregate, read
from themis.core.statistics.intervals import student_quantile, wilson
from themis.core.statistics.metric_means import MetricMeans
from themis.core.statistics.sample_figures import SampleFigures

NO_ANSWER = "no_answer"
"""Category of a score for an answer in which there was nothing to score."""

_BINARY = frozenset({0.0, 1.0})
_ROOT_BITS = 128
_USUAL = 1e6


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric over all cases of a run.

    Attributes:
        mean: of the cases that have a score; None without any.
        scored: number of cases with a score.
        total: all cases of the run, also those that have not ended.
        no_answer: number of answers with nothing that can be scored, however they count.
        unscored: number of cases without a score.
        low, high: the mean if all unscored cases had scored 0 or 1.
        answer_ends: number of cases by how their answer ended, for those that did not end by themselves.
        mean_of_whole_answers: the mean without those cases; None when there are none of the others.
        aggregates: figures over the run that are not means, by name; those of its last complete execution.
        aggregate_notes: texts that say how these were computed, by name.
        aggregate_error: why the metric has none, when it failed to compute them.
        samples: figures over several samples of each case, of a run that scores each candidate; as `aggregates`.
        ci_lower, ci_upper: 95 % confidence interval of the mean: Wilson's interval when every score is 0 or 1, else
            Student's; None below two scores, and for a bound that is beyond all floats.
    """

    mean: float | None
    scored: int
    total: int
    no_answer: int
    unscored: int
    low: float
    high: float
    ci_lower: float | None
    ci_upper: float | None
    answer_ends: dict[str, int] = field(default_factory=dict)
    mean_of_whole_answers: float | None = None
    aggregates: dict[str, Aggregate] = field(default_factory=dict)
    aggregate_notes: dict[str, str] = field(default_factory=dict)
    aggregate_error: str | None = None
    samples: SampleFigures | None = None

    def document(self) -> dict[str, Any]:
        """The summary as JSON; what most runs do not have is only in it when there is any."""
        said = asdict(replace(self, samples=None))
        del said["samples"]
        if self.samples is not None:
            said["samples"] = self.samples.document()
        for name in ("aggregates", "aggregate_notes", "aggregate_error"):
            if not said[name]:
                del said[name]
        if not self.answer_ends:
            del said["answer_ends"], said["mean_of_whole_answers"]
        return said


class ScoreTally:
    """The scores of one metric, added up exactly, in little memory however many they are."""

    def __init__(self, no_answer: int = 0) -> None:
        """Create an empty tally, given the number of cases without an answer."""
        self.no_answer = no_answer
        self.count = 0
        self._ones = 0
        self._binary = True
        # By denominator, a power of two: there is one for each magnitude of the scores.
        self._sums: defaultdict[int, int] = defaultdict(int)
        self._squares: defaultdict[int, int] = defaultdict(int)
        self._ends: Counter[str] = Counter()
        self._ended = Fraction()
        self._ended_scored = 0

    def add(self, values: Iterable[float]) -> None:
        """Add scores; values that are not finite numbers are ignored."""
        self.add_counted(Counter(values))

    def add_counted(self, counts: Counter[float]) -> None:
        """Add each score as often as it was counted."""
        for odd in [value for value in counts if not math.isfinite(value)]:
            del counts[odd]
        self.count += counts.total()
        self._ones += counts[1.0]
        self._binary &= _BINARY.issuperset(counts)
        for value, times in counts.items():
            numerator, denominator = value.as_integer_ratio()
            added = numerator * times
            self._sums[denominator] += added
            self._squares[denominator] += added * numerator

    def note_end(self, end: str, value: float | None, cases: int) -> None:
        """Count cases, whose scores were added, whose answer did not end by itself; `value` is their score, if any."""
        self._ends[end] += cases
        if value is not None and math.isfinite(value):
            self._ended += Fraction(value) * cases
            self._ended_scored += cases

    def mean_of_whole_answers(self) -> float | None:
        """Return the mean of the cases whose answer ended by itself, rounded once; None without any."""
        whole = self.count - self._ended_scored
        return float((self._sum() - self._ended) / whole) if whole > 0 else None

    def mean(self) -> float | None:
        """Return the mean, rounded once; None without scores."""
        return float(self._sum() / self.count) if self.count else None

    def standard_error(self) -> float | None:
        """Return the standard error of the mean, as of independent cases; None below two scores.

        It is the root of the variance, with n - 1 degrees of freedom, divided by n.
        """
        if self.count < 2:  # noqa: PLR2004  # one score says nothing of how scores differ
            return None
        squares = (Fraction(value, denominator**2) for denominator, value in self._squares.items())
        spread = sum(squares, Fraction()) - self._sum() ** 2 / self.count
        return _root(spread / (self.count * (self.count - 1)))

    def summary(self, total: int) -> MetricSummary:
        """Return the figures of this metric in a run of `total` cases."""
        unscored = max(total - self.count, 0)
        cases = self.count + unscored
        added = self._sum()
        lower, upper = self._interval()
        return MetricSummary(
            mean=self.mean(),
            scored=self.count,
            total=cases,
            no_answer=self.no_answer,
            unscored=unscored,
            low=float(added / cases) if cases else 0.0,
            high=float((added + unscored) / cases) if cases else 0.0,
            ci_lower=lower,
            ci_upper=upper,
            answer_ends=dict(sorted(self._ends.items())),
            mean_of_whole_answers=self.mean_of_whole_answers(),
        )

    def _sum(self) -> Fraction:
        return sum((Fraction(value, denominator) for denominator, value in self._sums.items()), Fraction())

    def _interval(self) -> tuple[float | None, float | None]:
        error = self.standard_error()
        if error is None:
            return None, None
        if self._binary:
            return wilson(self._ones, self.count)
        half = student_quantile(self.count - 1) * error
        mean = self.mean() or 0.0
        return _finite(mean - half), _finite(mean + half)


def summaries(
    metric_ids: Mapping[int, str],
    tallies: Mapping[int, ScoreTally],
    aggregates: Mapping[int, str],
    *,
    total: int,
    failed: int,
) -> dict[str, MetricSummary]:
    """Return the summary of each metric of a run, by its id; empty while nothing was scored and nothing failed.

    Args:
        metric_ids: by the number that tallies and figures have.
        tallies: of the metrics that have any outcome.
        aggregates: their figures over the run, as a store keeps them.
        total: all cases of the run.
        failed: number of failed cases.
    """
    if not tallies and not failed:
        return {}
    return {
        name: _with_aggregates(tallies.get(item, ScoreTally()).summary(total), aggregates.get(item))
        for item, name in metric_ids.items()
    }


def _with_aggregates(summary: MetricSummary, text: str | None) -> MetricSummary:
    if text is None:
        return summary
    found = read(text)
    return replace(
        summary,
        aggregates=found.figures,
        aggregate_notes=found.notes,
        aggregate_error=found.error,
        samples=found.samples,
    )


def means_of(metrics: Mapping[str, MetricSummary]) -> MetricMeans:
    """Return the means alone; a metric without scores is absent."""
    return MetricMeans({metric_id: found.mean for metric_id, found in metrics.items() if found.mean is not None})


def figures(summary: MetricSummary) -> dict[str, str]:
    """Return the figures by name as texts for people: the only place that formats them."""
    return {
        "mean": number(summary.mean),
        "95 % interval": _interval(summary.ci_lower, summary.ci_upper),
        "scored": f"{summary.scored:,}",
        "total": f"{summary.total:,}",
        "no answer": f"{summary.no_answer:,}",
        "unscored": f"{summary.unscored:,}",
        "low": number(summary.low),
        "high": number(summary.high),
    }


def aggregate_rows(metrics: Mapping[str, MetricSummary]) -> list[tuple[str, str, str, str]]:
    """Return a row of texts for each figure over a run that is not a mean, and each over samples of its cases.

    A row has the metric, the figure, its value and its 95 % interval.
    """
    return [
        (name, figure, number(found.value), _interval(found.ci_lower, found.ci_upper))
        for name, metric in metrics.items()
        for figure, found in (
            *((figure.replace("_", " "), found) for figure, found in metric.aggregates.items()),
            *(() if metric.samples is None else metric.samples.rows()),
        )
    ]


def aggregate_notes(metrics: Mapping[str, MetricSummary]) -> list[tuple[str, str, str]]:
    """Return the texts that say how the figures over a run were computed: metric, name, text."""
    return [(name, *note) for name, metric in metrics.items() for note in metric.aggregate_notes.items()]


def _interval(lower: float | None, upper: float | None) -> str:
    return "-" if lower is None and upper is None else f"{number(lower)} to {number(upper)}"


def number(value: float | None) -> str:
    """Return a score for people: four decimals when it has a usual size; `-` for None."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < _USUAL else f"{value:.6g}"


def _root(value: Fraction) -> float:
    """Return the square root of a fraction that may be beyond the floats while its root is not."""
    top, bottom = value.numerator, value.denominator
    shift = max(_ROOT_BITS - top.bit_length() + bottom.bit_length(), 0)
    shift += shift % 2
    try:
        return math.ldexp(math.isqrt((top << shift) // bottom), -shift // 2)
    except OverflowError:
        return math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
