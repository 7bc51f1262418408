"""Edits of scores from two stores as one history: in the order of their times, with numbers from 1."""

from collections.abc import Sequence
from typing import Any

from themis.core.outcomes.score_edit import ScoreEdit


def merged_edits(kept: Sequence[ScoreEdit], others: Sequence[ScoreEdit]) -> list[ScoreEdit]:
    """Return all edits of two histories of a run, each once, numbered in the order of their times.

    The last edit of a score that was not withdrawn holds. So a history may not begin where the other one ends: an older
    edit would then count more than a newer one. Edits of one history keep their order, whatever its clock said.

    Args:
        kept: the history of the target.
        others: the history of the source.
    """
    known = {_content(edit, _by_number(kept)): edit.number for edit in kept}
    of_others = _by_number(others)
    contents = {edit.number: _content(edit, of_others) for edit in others}
    new = [edit for edit in others if contents[edit.number] not in known]
    if not new:
        return list(kept)
    ordered = _in_order(kept, new)
    numbers = {pair: position for position, pair in enumerate(((is_new, e.number) for is_new, e in ordered), 1)}
    for other in others:
        if (same := known.get(contents[other.number])) is not None:
            numbers[True, other.number] = numbers[False, same]
    return [
        edit._replace(
            number=number, withdraws=None if edit.withdraws is None else numbers.get((is_new, edit.withdraws))
        )
        for number, (is_new, edit) in enumerate(ordered, 1)
    ]


def _in_order(kept: Sequence[ScoreEdit], new: Sequence[ScoreEdit]) -> list[tuple[bool, ScoreEdit]]:
    """Return both histories, each in its own order, with the earlier edit first wherever there is a choice."""
    found: list[tuple[bool, ScoreEdit]] = []
    position = 0
    for edit in kept:
        while position < len(new) and new[position].edited_ms < edit.edited_ms:
            found.append((True, new[position]))
            position += 1
        found.append((False, edit))
    return found + [(True, edit) for edit in new[position:]]


def _by_number(edits: Sequence[ScoreEdit]) -> dict[int, ScoreEdit]:
    return {edit.number: edit for edit in edits}


def _content(edit: ScoreEdit, history: dict[int, ScoreEdit]) -> tuple[Any, ...]:
    """Return all that an edit says, whatever its number: of a withdrawal also the edit that it takes back."""
    earlier = None if edit.withdraws is None else history.get(edit.withdraws)
    withdrawn = None if earlier is None else tuple(earlier._replace(number=0, withdraws=None))
    return (*edit._replace(number=0, withdraws=None), edit.withdraws is not None, withdrawn)
