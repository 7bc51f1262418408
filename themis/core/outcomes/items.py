"""Number of an outcome within its stage and case: one codec for all that reads or makes one.

A generated candidate's number is its index. A parse, a score and a judgment are about one answer, the reduced one or a
single candidate, as one view of it; a score and a judgment are one metric's too. The numbers of the reduced answer
outside of views, which are all that most runs have, are those of the metrics alone.
"""

from typing import NamedTuple

_VIEW = 1_000

OF_CANDIDATES = 1_000_000
"""The lowest number of what is about a single candidate: all below are about the reduced one."""

MOST_METRICS = _VIEW
"""The most metrics of a view, or outside of views."""

MOST_VIEWS = OF_CANDIDATES // _VIEW - 1
"""The most views of a run."""


class Item(NamedTuple):
    """The parts of an outcome's number.

    Attributes:
        metric: position among the metrics of the view, from 0; 0 for a parse.
        view: number of the view, from 1; 0 outside of views.
        candidate: index of the candidate, from 0; None for the reduced one.
    """

    metric: int = 0
    view: int = 0
    candidate: int | None = None

    @property
    def number(self) -> int:
        """The number that a store keeps."""
        of_candidate = 0 if self.candidate is None else (self.candidate + 1) * OF_CANDIDATES
        return self.metric + _VIEW * self.view + of_candidate

    @property
    def column(self) -> int:
        """The number of the same metric and view for the reduced answer: what the same figure is about."""
        return self.metric + _VIEW * self.view


def item_of(number: int) -> Item:
    """Return the parts of the number of a parse, a score or a judgment."""
    candidates, column = divmod(number, OF_CANDIDATES)
    view, metric = divmod(column, _VIEW)
    return Item(metric, view, candidates - 1 if candidates else None)


def id_in_view(view: str, metric_id: str) -> str:
    """Return the id of a metric in a view; that of a shipped one is without its prefix."""
    return f"{view}/{metric_id.removeprefix('builtin/')}"
