"""Places of scores: the case, the metric and the candidate that an edit names, as a store numbers them."""

from collections.abc import Collection
from typing import NamedTuple

from themis.core.errors import ScoreEditError
from themis.core.outcomes.items import item_of
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
        self._ended: dict[str, list[tuple[int, str]]] = {}
        """Number and dataset of the cases by their ids."""
        first = 0
        while page := store.ended_ids_from(snapshot.run_id, first, _PAGE):
            for case_no, dataset_no, case_id in page:
                if case_id in case_ids:
                    found = (case_no, snapshot.datasets[dataset_no].dataset_id)
                    self._ended.setdefault(case_id, []).append(found)
            first = page[-1][0] + 1

    def place_of(self, named: Named) -> Place:
        """Return the place of a score.

        Raises:
            ScoreEditError: the run has no such case, metric or candidate, or several such cases.
        """
        case_no, dataset_id = self._case(named)
        return Place(case_no, self._item(named), dataset_id, named.case_id)

    def _case(self, named: Named) -> tuple[int, str]:
        """Return the number of a case, and its dataset."""
        found = [case for case in self._ended.get(named.case_id, ()) if named.dataset_id in {None, case[1]}]
        if not found:
            of_dataset = "" if named.dataset_id is None else f" of dataset {named.dataset_id!r}"
            known = [case_id for _, _, case_id in self._store.ended_ids_from(self._snapshot.run_id, 0, _PAGE)]
            detail = f"no case {named.case_id!r}{of_dataset} of the run has ended{nearest_hint(named.case_id, known)}"
            raise ScoreEditError(where=named.where, detail=detail)
        if len(found) > 1:
            of = ", ".join(repr(dataset_id) for _, dataset_id in found)
            detail = f"there is a case {named.case_id!r} in each of {of}; name the dataset"
            raise ScoreEditError(where=named.where, detail=detail)
        return found[0]

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
