"""Scored samples of a stored run: the score of each candidate, with its ballot, case by case."""

import json
from collections.abc import Callable, Iterator
from itertools import groupby

from themis.core.base import JSONValue
from themis.core.outcomes.items import OF_CANDIDATES, item_of
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.snapshot import RunSnapshot
from themis.core.statistics.sample_estimators import Sample
from themis.core.stores.protocol import RunStore
from themis.core.text.ballots import ballot_of

Ballot = Callable[[JSONValue], str]
"""Returns equal texts for parsed values that are the same answer."""

_OUTCOMES = 20_000
"""Outcomes that are read together, about."""


def samples_of(
    store: RunStore, snapshot: RunSnapshot, column: int, ballot: Ballot = ballot_of
) -> Iterator[tuple[int, list[Sample]]]:
    """Yield the number of each case that has any, and its scored samples of a metric, in the order of its candidates.

    Args:
        store: the store.
        snapshot: the run, which scores each candidate.
        column: the metric, see `Item`.
        ballot: makes the ballot of a parsed value.
    """
    a_case = snapshot.candidate_count * (2 + len(snapshot.metric_columns)) or 1
    cases = max(1, _OUTCOMES // a_case)
    is_parsed = bool(snapshot.component_refs.parsers_of(item_of(column).view))
    for first in range(0, snapshot.total_cases, cases):
        outcomes = store.outcomes_between(snapshot.run_id, first, first + cases)
        for case_no, of_case in groupby(outcomes, key=lambda outcome: outcome.case_no):
            if found := _samples({(o.stage, o.item): o for o in of_case if o.ok}, column, ballot, is_parsed=is_parsed):
                yield case_no, found


def _samples(
    outcomes: dict[tuple[Stage, int], Outcome], column: int, ballot: Ballot, *, is_parsed: bool
) -> list[Sample]:
    found = []
    for (stage, number), outcome in outcomes.items():  # in the order of their items
        if stage is not Stage.SCORE or number < OF_CANDIDATES or outcome.value is None:
            continue
        item = item_of(number)
        if item.column == column and item.candidate is not None:
            place = (Stage.PARSE, item._replace(metric=0).number) if is_parsed else (Stage.GENERATE, item.candidate)
            found.append(Sample(outcome.value, _ballot(outcomes.get(place), ballot)))
    return found


def _ballot(outcome: Outcome | None, ballot: Ballot) -> str | None:
    """Return the ballot of a stored value; None when nothing was found, which has no vote."""
    value = None if outcome is None or outcome.output is None else json.loads(outcome.output)
    return None if value is None else ballot(value)
