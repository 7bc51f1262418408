"""Rows beside outcomes, in memory: spends, figures over a run, batches, judge calls, edits; calibrations, groups."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from themis.core.outcomes.codec import now_ms
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.outcomes.stages import Stage
from themis.core.stores.base import BaseRunStore
from themis.core.stores.batch_rows import BatchRow, BatchState, storable_row
from themis.core.stores.job_rows import Fence
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.stores.memory.undo import Undo


@dataclass(slots=True)
class SideRowsOfRun:
    """These rows of one run, by their keys."""

    spends: dict[int, str] = field(default_factory=dict)
    aggregates: dict[int, str] = field(default_factory=dict)
    batches: dict[int, BatchRow] = field(default_factory=dict)
    judge_calls: dict[tuple[int, int, str], JudgeCallRow] = field(default_factory=dict)
    responses: dict[str, str] = field(default_factory=dict)
    """Those of the judge calls, by cache key."""
    score_edits: dict[int, ScoreEdit] = field(default_factory=dict)

    def cleared(self) -> "SideRowsOfRun":
        """Return the rows that are left when the run is cleared: batches that are to be cancelled, and edits."""
        dropped = [row for row in self.batches.values() if row.is_open or row.state == BatchState.DROPPED]
        batches = {row.number: row._replace(state=BatchState.DROPPED) for row in dropped}
        return SideRowsOfRun(batches=batches, score_edits=self.score_edits)


class SideRows(BaseRunStore, ABC):
    """Methods of a store on these rows."""

    _undo: Undo
    _calibrations: dict[str, str]
    _groups: dict[str, dict[str, str]]

    def add_to_group(self, group: str, members: Sequence[tuple[str, str]]) -> None:
        """Add runs to a group, behind those that it has; one that is in it stays."""
        with self.transaction():
            before = self._groups.get(group, {})
            for run_id, _ in members:
                self._side_rows(run_id)  # raises for a run that is not here
            new = {run_id: row for run_id, row in members if run_id not in before}
            self._undo.put(self._groups, group, before | new)

    def group_members(self, group: str) -> list[tuple[str, str]]:
        """Return the runs of a group as (id, row name), in the order in which they were added."""
        return list(self._groups.get(group, {}).items())

    def group_names(self) -> list[str]:
        """Return the names of all groups, in their order."""
        return sorted(name for name, members in self._groups.items() if members)

    def put_spend(self, run_id: str, execution: int, spend: str, *, fence: Fence | None = None) -> None:
        """Save the spend of an execution of a run, in place of what was saved of it."""
        with self._fenced(fence):
            self._undo.put(self._side_rows(run_id).spends, execution, spend)

    def spends(self, run_id: str) -> dict[int, str]:
        """Return the spend of each execution of a run, by its number."""
        return dict(sorted(self._side_rows(run_id).spends.items()))

    def put_aggregate(self, run_id: str, item: int, figures: str, *, fence: Fence | None = None) -> None:
        """Save the figures of a metric over a run, in place of what was saved of it."""
        with self._fenced(fence):
            self._undo.put(self._side_rows(run_id).aggregates, item, figures)

    def aggregates(self, run_id: str) -> dict[int, str]:
        """Return the figures of each metric that has any, by its item."""
        return dict(sorted(self._side_rows(run_id).aggregates.items()))

    def batches(self, run_id: str) -> list[BatchRow]:
        """Return the batches of a run, in order."""
        of_run = self._side_rows(run_id).batches
        return [of_run[number] for number in sorted(of_run)]

    def save_batch(self, run_id: str, row: BatchRow, *, fence: Fence | None = None) -> None:
        """Add a batch, or replace its row."""
        with self._fenced(fence):
            self._undo.put(self._side_rows(run_id).batches, row.number, storable_row(row))

    def save_judge_calls(self, run_id: str, rows: list[JudgeCallRow], *, fence: Fence | None = None) -> None:
        """Save the responses of judges, all or none; a row of the same key is replaced."""
        with self._fenced(fence):
            kept = self._side_rows(run_id)
            for row in rows:
                self._undo.put(kept.judge_calls, (row.case_no, row.item, row.call_id), row)
                self._undo.put(kept.responses, row.cache_key, row.response)

    def judge_calls_between(self, run_id: str, first: int, stop: int) -> list[JudgeCallRow]:
        """Return the judge calls about the cases numbered from `first` to before `stop`, in order of their keys."""
        return sorted(row for row in self._side_rows(run_id).judge_calls.values() if first <= row.case_no < stop)

    def forget_judge_calls(self, run_id: str, keeps: Callable[[Stage, int], bool]) -> None:
        """Remove the responses of judges about a run, but for those about items that are kept."""
        kept = self._side_rows(run_id)
        calls = {key: row for key, row in kept.judge_calls.items() if keeps(Stage.JUDGE, row.item)}
        responses = {row.cache_key: row.response for row in calls.values()}
        self._undo.note(partial(_put_calls, kept, kept.judge_calls, kept.responses))
        _put_calls(kept, calls, responses)

    def cached_response(self, cache_key: str) -> str | None:
        """Return the response to calls with that key in the newest run that has one; None when there is none."""
        found = (rows.responses.get(cache_key) for rows in self._newest_side_rows())
        return next((response for response in found if response is not None), None)

    def add_score_edits(self, run_id: str, edits: Sequence[ScoreEdit]) -> list[ScoreEdit]:
        """Add edits of a run's scores, all or none; returns them with their numbers and the time."""
        with self.transaction():
            kept = self._side_rows(run_id).score_edits
            at_ms = now_ms()
            added = [edit._replace(number=no, edited_ms=at_ms) for no, edit in enumerate(edits, len(kept) + 1)]
            for edit in added:
                self._undo.put(kept, edit.number, edit)
        return added

    def score_edits(self, run_id: str) -> list[ScoreEdit]:
        """Return all edits of a run's scores, in the order in which they were made."""
        return list(self._side_rows(run_id).score_edits.values())

    def save_calibration(self, key: str, calibration: str) -> None:
        """Save the calibration of a judge and rubric, in place of an earlier one."""
        with self.transaction():
            self._undo.put(self._calibrations, key, calibration)

    def calibrations(self) -> dict[str, str]:
        """Return the calibrations of all judges and rubrics, by their keys."""
        return dict(sorted(self._calibrations.items()))

    @abstractmethod
    def _side_rows(self, run_id: str) -> SideRowsOfRun: ...

    @abstractmethod
    def _newest_side_rows(self) -> Iterator[SideRowsOfRun]: ...

    @abstractmethod
    def _fenced(self, fence: Fence | None) -> AbstractContextManager[None]: ...


def _put_calls(rows: SideRowsOfRun, calls: dict[tuple[int, int, str], JudgeCallRow], responses: dict[str, str]) -> None:
    rows.judge_calls, rows.responses = calls, responses
