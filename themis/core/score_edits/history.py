"""History of a run's edits: what became of each, and which of them hold now."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from themis.core.outcomes.items import item_of
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.score_edits.seen import Seen, seen
from themis.core.snapshot import RunSnapshot
from themis.core.stores import RunStore


class Standing(StrEnum):
    """Standing of an edit now. The first two hold, and are in the figures of edited scores.

    Attributes:
        HOLDS: it holds, and the score was not measured again since.
        EARLIER_SCORE: it holds, but since then the same answer was measured with another score.
        EARLIER_ANSWER: nobody has edited the score of the answer that is there now.
        REPLACED: a later edit holds in its place.
        WITHDRAWN: it was taken back.
        WITHDRAWAL: it is not an edit, but takes one back.
    """

    HOLDS = "holds"
    EARLIER_SCORE = "earlier_score"
    EARLIER_ANSWER = "earlier_answer"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"
    WITHDRAWAL = "withdrawal"


IN_WORDS: dict[Standing, str] = {
    Standing.HOLDS: "holds",
    Standing.EARLIER_SCORE: "holds, of an earlier score",
    Standing.EARLIER_ANSWER: "of an earlier answer",
    Standing.REPLACED: "replaced",
    Standing.WITHDRAWN: "withdrawn",
    Standing.WITHDRAWAL: "takes back",
}
"""What an edit is, for people; a withdrawal is followed by the number of what it takes back."""

_HOLDING = frozenset({Standing.HOLDS, Standing.EARLIER_SCORE})


@dataclass(frozen=True, slots=True)
class EditRecord:
    """An edit and what became of it.

    Attributes:
        before, after: the score without it and with it; None for a case that is left out.
    """

    edit: ScoreEdit
    metric_id: str
    before: float | None
    after: float | None
    standing: Standing

    @property
    def candidate_index(self) -> int | None:
        """Index of the candidate whose score it is; None for the score of a case."""
        return item_of(self.edit.item).candidate

    @property
    def edited_at(self) -> str:
        """Time of the edit, ISO 8601 in UTC."""
        return datetime.fromtimestamp(self.edit.edited_ms / 1000, tz=UTC).isoformat(timespec="milliseconds")

    @property
    def holds(self) -> bool:
        """Whether it is in the figures of edited scores."""
        return self.standing in _HOLDING

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        edit, candidate = self.edit, self.candidate_index
        return {
            "number": edit.number,
            "case_id": edit.case_id,
            "dataset_id": edit.dataset_id,
            "metric_id": self.metric_id,
            **({} if candidate is None else {"candidate_index": candidate}),
            "from": self.before,
            "to": self.after,
            "measured": edit.measured,
            "by": edit.edited_by,
            "why": edit.why,
            "at": self.edited_at,
            "standing": self.standing.value,
            **({} if edit.withdraws is None else {"withdraws": edit.withdraws}),
        }


@dataclass(frozen=True)
class EditHistory:
    """All edits of a run, in the order in which they were made."""

    records: Sequence[EditRecord] = ()

    @cached_property
    def holding(self) -> dict[tuple[int, int], EditRecord]:
        """The edits that hold, by the number of their case and by item."""
        return {(record.edit.case_no, record.edit.item): record for record in self.records if record.holds}

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.records)


@dataclass(slots=True)
class _Score:
    """The edits of one score while they are followed: those that may still hold, the last of which does."""

    records: dict[int, EditRecord] = field(default_factory=dict)
    left: list[ScoreEdit] = field(default_factory=list)

    def value(self, at: ScoreEdit) -> float | None:
        """The score at the time of an edit: that of the last edit of the same answer, else as it was measured."""
        last = self.left[-1] if self.left else None
        return at.measured if last is None or last.answer != at.answer else last.value

    def take(self, edit: ScoreEdit, metric_id: str) -> None:
        before = self.value(edit)
        if edit.withdraws is None:
            for earlier in self.left[-1:]:
                self._now(earlier.number, Standing.REPLACED)
            self.left.append(edit)
            self.records[edit.number] = EditRecord(edit, metric_id, before, edit.value, Standing.HOLDS)
            return
        self.left = [earlier for earlier in self.left if earlier.number != edit.withdraws]
        self._now(edit.withdraws, Standing.WITHDRAWN)
        for earlier in self.left[-1:]:
            self._now(earlier.number, Standing.HOLDS)
        self.records[edit.number] = EditRecord(edit, metric_id, before, self.value(edit), Standing.WITHDRAWAL)

    def look(self, now: Seen) -> None:
        """Tell whether the edit that is left is about what is there now."""
        for last in self.left[-1:]:
            if last.answer != now.answer:
                self._now(last.number, Standing.EARLIER_ANSWER)
            elif last.measured != now.measured:
                self._now(last.number, Standing.EARLIER_SCORE)

    def _now(self, number: int, standing: Standing) -> None:
        if number in self.records:
            self.records[number] = replace(self.records[number], standing=standing)


def read_history(store: RunStore, snapshot: RunSnapshot) -> EditHistory:
    """Return the edits of a run."""
    edits = store.score_edits(snapshot.run_id)
    scores: defaultdict[int, dict[int, _Score]] = defaultdict(dict)
    for edit in edits:
        metric_id = snapshot.metric_columns[item_of(edit.item).column]
        scores[edit.case_no].setdefault(edit.item, _Score()).take(edit, metric_id)
    for case_no, of_case in scores.items():
        outcomes = store.outcomes_between(snapshot.run_id, case_no, case_no + 1)
        for item, score in of_case.items():
            score.look(seen(outcomes, item))
    found = dict(_records(scores))
    return EditHistory([found[edit.number] for edit in edits])


def score_text(value: float | None) -> str:
    """Return a score for people, as exactly as it was given; `unscored` for none."""
    return "unscored" if value is None else f"{value!r}".removesuffix(".0")


def last_edit(edits: Sequence[ScoreEdit], case_no: int, item: int) -> ScoreEdit | None:
    """Return the last edit of a score that was not taken back; None when there is none."""
    left: list[ScoreEdit] = []
    for edit in edits:
        if (edit.case_no, edit.item) == (case_no, item):
            left = [*left, edit] if edit.withdraws is None else [one for one in left if one.number != edit.withdraws]
    return left[-1] if left else None


def _records(scores: dict[int, dict[int, _Score]]) -> Iterator[tuple[int, EditRecord]]:
    for of_case in scores.values():
        for score in of_case.values():
            yield from score.records.items()
