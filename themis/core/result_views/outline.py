"""Outline of a run's result: what its text and its view in a notebook say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from themis.core.statistics.score_tally import MetricSummary, aggregate_rows, figures
from themis.core.text.lines import cut, one_line

_ID_DIGITS = 8
_CASES_READ = 100
AGGREGATE_HEADS = ("metric", "over all cases", "value", "95 % interval")


class Counts(Protocol):
    """Counts of a run's cases."""

    @property
    def total_cases(self) -> int:
        """All cases of the run."""

    @property
    def completed_cases(self) -> int:
        """Cases that went through every stage."""

    @property
    def failed_cases(self) -> int:
        """Cases that failed in one."""


class Result(Protocol):
    """A result, as far as it is shown; the fields are those of `RunResult`."""

    @property
    def run_id(self) -> str:
        """Id of the run."""

    @property
    def name(self) -> str | None:
        """Name of the run, for people."""

    @property
    def error(self) -> str | None:
        """Reason why it failed as a whole."""

    @property
    def status(self) -> object:
        """Status, whose text is shown."""

    @property
    def progress(self) -> Counts:
        """Counts of the cases."""

    @property
    def metrics(self) -> Mapping[str, MetricSummary]:
        """Summary of each metric."""

    @property
    def cases(self) -> Sequence[Any]:
        """A `CaseResult` each."""

    @property
    def what_is_missing(self) -> str | None:
        """Note that the result is partial, if it is."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The facts that are shown of a run.

    Attributes:
        name: of the run, for people; None when it has none.
        counts: its progress in words, such as `18 of 20 cases, 2 failed`.
        notes: sentences about the result as a whole: that it is partial, why it failed.
        metrics: the summary of each metric, by its id.
    """

    run_id: str
    status: str
    name: str | None
    counts: str
    notes: tuple[str, ...] = ()
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name, the beginning of the run's id, and the status, in one line."""
        named = f"{one_line(self.name)}, run" if self.name else "run"
        return f"{named} {self.run_id[:_ID_DIGITS]}: {self.status}, {self.counts}"

    @property
    def heads(self) -> tuple[str, ...]:
        """The columns of the table of metrics."""
        return ("metric", *next(iter(self._figures().values()), {}))

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """A row of texts for each metric."""
        return [(name, *found.values()) for name, found in self._figures().items()]

    @property
    def aggregates(self) -> list[tuple[str, str, str, str]]:
        """A row of texts for each figure that is not a mean, see `AGGREGATE_HEADS`."""
        return aggregate_rows(self.metrics)

    def _figures(self) -> dict[str, dict[str, str]]:
        return {name: figures(metric) for name, metric in self.metrics.items()}


def outline_of(result: Result) -> Outline:
    """Return the outline of a result."""
    counts = result.progress
    ended = counts.completed_cases + counts.failed_cases
    failed = f", {counts.failed_cases:,} failed" if counts.failed_cases else ""
    notes = [result.what_is_missing or result.error, _first_failure(result) if counts.failed_cases else None]
    return Outline(
        run_id=result.run_id,
        status=str(result.status),
        name=result.name,
        counts=f"{ended:,} of {counts.total_cases:,} cases{failed}",
        notes=tuple(one_line(cut(note)) for note in notes if note),
        metrics=result.metrics,
    )


def _first_failure(result: Result) -> str | None:
    """Return why the first case failed that did, if it is one of the first; more are not read for a note."""
    failures = ((case, failure) for case in result.cases[:_CASES_READ] for failure in case.failures)
    return next((f"the first failure: case {case.case_id}: {failure.summary}" for case, failure in failures), None)
