"""Sight of an editor: a score as it was measured, and the answer that it is of."""

from collections.abc import Iterable
from typing import NamedTuple

from themis.core.outcomes.items import item_of
from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import SCORING, Stage
from themis.core.text.canonical import content_hash


class Seen(NamedTuple):
    """The score and the answer of an item of a case.

    Attributes:
        measured: the score; None when there is none.
        answer: SHA-256, as 64 hex digits, of the outputs that the score is of: of all candidates and what was made of
            them, or of the single candidate. A case that has none has one too.
    """

    measured: float | None
    answer: str


def seen(outcomes: Iterable[Outcome], item: int) -> Seen:
    """Return what a case's outcomes, sorted by stage and item, show of one item.

    It is the answer that decides whether an edit is about what is there now: a replay that scores again keeps it.
    """
    candidate = item_of(item).candidate
    measured, answers = None, []
    for outcome in outcomes:
        if outcome.stage in SCORING and outcome.item == item and outcome.ok:
            measured = outcome.value
        of_candidate = outcome.stage is Stage.GENERATE and outcome.item == candidate
        if of_candidate or (candidate is None and outcome.stage <= Stage.REDUCE):
            answers.append([int(outcome.stage), outcome.item, outcome.output if outcome.ok else None])
    return Seen(measured, content_hash(answers))
