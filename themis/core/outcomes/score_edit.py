"""Edits of scores: what people said of single scores of a run, beside what was measured."""

from typing import NamedTuple


class ScoreEdit(NamedTuple):
    """Edit of a score, or the withdrawal of an earlier edit; never changed once it is stored.

    Attributes:
        case_no: the case's position in the run.
        item: number of an `Item`: the metric, its view, and the candidate of a score of a single one.
        dataset_id, case_id: the case, by its names.
        value: the new score; None when the case is to be left out, and for a withdrawal.
        withdraws: number of the edit that is taken back; None for an edit.
        measured: the score that was there when the edit was made; None when there was none.
        answer: hash of the answer that the score is of, see `themis.core.score_edits.seen`.
        edited_by: who made it.
        why: the reason.
        number: its position among those of the run, from 1; given by the store, as is the next.
        edited_ms: milliseconds since 1970 UTC.
    """

    case_no: int
    item: int
    dataset_id: str
    case_id: str
    value: float | None
    withdraws: int | None
    measured: float | None
    answer: str
    edited_by: str
    why: str
    number: int = 0
    edited_ms: int = 0
