"""Places of scores: the case, the metric and the candidate that an edit names, as a store numbers them."""

from collections.abc import Collection
from typing import NamedTuple

from themis.core.errors import ScoreEditError
from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import CaseEnd
from themis.core.snapshot import PURE, RunSnapshot
from themis.core.stores import RunStore
from themis.core.text.nearest import nearest_hint

_PAGE = 10_000
"""Ended cases that are read together."""


class Named(NamedTuple):
    """A score as a person names it.

    Attributes:
        where: what names it, for messages: a file and its line, or a command.
        dataset_id: None where it is not said.
        metric_id: as the run shows it; None for its only one.
        candidate_index: of the score of a single candidate; None for that of the case.
    """

    where: str
    case_id: str
    metric_id: str | None = None
    dataset_id: str | None = None
    candidate_index: int | None = None


class Place(NamedTuple):
    """The key of a score in a run, and the names of its case."""

    case_no: int
    item: int
    dataset_id: str
    case_id: str


class Places:
    """The scores of a run that may be edited: those of its ended cases."""

    def __init__(self, store: RunStore, snapshot: RunSnapshot, case_ids: Collection[str]) -> None:
        """Find the ended cases with such ids."""
        self._store = store
        self._snapshot = snapshot
        self._ends: dict[str, list[CaseEnd]] = {}
        first = 0
        while page := store.ends_from(snapshot.run_id, first, _PAGE):
            for end in page:
                if end.case_id in case_ids:
                    self._ends.setdefault(end.case_id, []).append(end)
            first = page[-1].case_no + 1

    def place_of(self, named: Named) -> Place:
        """Return the place of a score.

        Raises:
            ScoreEditError: the run has no such case, metric or candidate, or several such cases.
        """
        end = self._case(named)
        dataset_id = self._snapshot.datasets[end.dataset_no].dataset_id
        return Place(end.case_no, self._item(named), dataset_id, end.case_id)

    def _case(self, named: Named) -> CaseEnd:
        datasets = self._snapshot.datasets
        ends = [
            end
            for end in self._ends.get(named.case_id, ())
            if named.dataset_id in {None, datasets[end.dataset_no].dataset_id}
        ]
        if not ends:
            of_dataset = "" if named.dataset_id is None else f" of dataset {named.dataset_id!r}"
            known = [end.case_id for end in self._store.ends_from(self._snapshot.run_id, 0, _PAGE)]
            detail = f"no case {named.case_id!r}{of_dataset} of the run has ended{nearest_hint(named.case_id, known)}"
            raise ScoreEditError(where=named.where, detail=detail)
        if len(ends) > 1:
            of = ", ".join(repr(datasets[end.dataset_no].dataset_id) for end in ends)
            detail = f"there is a case {named.case_id!r} in each of {of}; name the dataset"
            raise ScoreEditError(where=named.where, detail=detail)
        return ends[0]

    def _item(self, named: Named) -> int:
        """Return the number of the item that a metric and a candidate have."""
        metric_id = metric_of(self._snapshot, named)
        column = next(column for column, name in self._snapshot.metric_columns.items() if name == metric_id)
        if named.candidate_index is None:
            return column
        if not self._snapshot.scores_each or self._snapshot.metric_kinds[metric_id] != PURE:
            detail = f"the run has no scores of single candidates by {metric_id!r}; name no candidate"
            raise ScoreEditError(where=named.where, detail=detail)
        if not 0 <= named.candidate_index < self._snapshot.candidate_count:
            last = self._snapshot.candidate_count - 1
            detail = f"there is no candidate {named.candidate_index}; they are numbered from 0 to {last}"
            raise ScoreEditError(where=named.where, detail=detail)
        return item_of(column)._replace(candidate=named.candidate_index).number


def metric_of(snapshot: RunSnapshot, named: Named) -> str:
    """Return the id of the metric that is named, or of the only one.

    Raises:
        ScoreEditError: the run has no such metric, or several and none is named.
    """
    metric_ids = snapshot.metric_ids
    if not metric_ids:
        raise ScoreEditError(where=named.where, detail="the run has no metric, so that it has no scores")
    if named.metric_id is None and len(metric_ids) == 1:
        return metric_ids[0]
    if named.metric_id is None:
        raise ScoreEditError(where=named.where, detail=f"name one of the metrics: {', '.join(metric_ids)}")
    if named.metric_id not in metric_ids:
        detail = f"the run has no metric {named.metric_id!r}{nearest_hint(named.metric_id, metric_ids)}"
        raise ScoreEditError(where=named.where, detail=detail)
    return named.metric_id
