"""Editing scores: rows that say who gave a score which value, and why; what was measured is never changed."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from themis.core.errors import ScoreEditError
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.score_edits.history import EditRecord, last_edit, read_history
from themis.core.score_edits.places import Named, Place, Places
from themis.core.score_edits.seen import seen
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore
from themis.core.text.lines import storable
from themis.core.text.masking import mask

MOST_CHARACTERS = {"by": 200, "why": 10_000}


class Correction(NamedTuple):
    """Statement of a person about a score.

    Attributes:
        value: the new score; None when the case is to be left out.
        by: who says it.
        why: the reason.
    """

    named: Named
    value: float | None
    by: str
    why: str


def edit_scores(store: RunStore, snapshot: RunSnapshot, corrections: Sequence[Correction]) -> list[EditRecord]:
    """Add edits to a stored run, all or none, and return them.

    Raises:
        ScoreEditError: one names no score of an ended case, or the same score as another one; its value is not finite;
            it does not say who or why.
        StoreError: the store cannot be written; its subclasses say why.
    """
    checked = [_checked(correction) for correction in corrections]
    places = Places(store, snapshot, {correction.named.case_id for correction in checked})
    by_place: dict[Place, Correction] = {}
    for correction in checked:
        earlier = by_place.setdefault(places.place_of(correction.named), correction)
        if earlier is not correction:
            detail = f"the score was edited already, at {earlier.named.where}; give each score one value"
            raise ScoreEditError(where=correction.named.where, detail=detail)
    with store.transaction():
        edits = [_edit(store, snapshot, place, correction, correction.value) for place, correction in by_place.items()]
        added = {edit.number for edit in store.add_score_edits(snapshot.run_id, edits)}
        return [record for record in read_history(store, snapshot).records if record.edit.number in added]


def withdraw_edit(store: RunStore, snapshot: RunSnapshot, named: Named, by: str, why: str) -> EditRecord:
    """Take the last edit of a score back by another row, and return that; the edit before it holds again, if any.

    Raises:
        ScoreEditError: no edit of that score is left; it is not said who or why.
        StoreError: the store cannot be written; its subclasses say why.
    """
    correction = _checked(Correction(named, None, by, why))
    place = Places(store, snapshot, {named.case_id}).place_of(named)
    with store.transaction():
        last = last_edit(store.score_edits(snapshot.run_id), place.case_no, place.item)
        if last is None:
            raise ScoreEditError(where=named.where, detail="that score has no edit that could be taken back")
        edit = _edit(store, snapshot, place, correction, None)._replace(withdraws=last.number)
        (added,) = store.add_score_edits(snapshot.run_id, [edit])
        return next(record for record in read_history(store, snapshot).records if record.edit.number == added.number)


def _edit(
    store: RunStore, snapshot: RunSnapshot, place: Place, correction: Correction, value: float | None
) -> ScoreEdit:
    """Return the row of an edit, with what the store has of its score now."""
    outcomes = store.outcomes_between(snapshot.run_id, place.case_no, place.case_no + 1)
    measured, answer = seen(outcomes, place.item)
    return ScoreEdit(*place, value, None, measured, answer, correction.by, correction.why)


def _checked(correction: Correction) -> Correction:
    where = correction.named.where
    if correction.value is not None and not math.isfinite(correction.value):
        raise ScoreEditError(where=where, detail=f"a score must be a finite number, not {correction.value}")
    return correction._replace(by=_said(where, "by", correction.by), why=_said(where, "why", correction.why))


def _said(where: str, name: str, text: str) -> str:
    """Return a text as it is kept: secrets masked, and what no store can keep escaped."""
    kept = storable(mask(text)).strip()
    if not kept:
        detail = {"by": "say who edits the score, with 'by'", "why": "say why the score is edited, with 'why'"}[name]
        raise ScoreEditError(where=where, detail=detail)
    if len(kept) > MOST_CHARACTERS[name]:
        detail = f"{name!r} has {len(kept):,} characters, and may have {MOST_CHARACTERS[name]:,}"
        raise ScoreEditError(where=where, detail=detail)
    return kept
