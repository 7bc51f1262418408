"""Rows of a run beside its outcomes: name, spends, figures, batches, judge calls, edits; calibrations, groups."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from themis.core.outcomes.codec import now_ms
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.outcomes.stages import Stage
from themis.core.stores.base import BaseRunStore
from themis.core.stores.batch_rows import BatchRow, batch_row, storable_row
from themis.core.stores.job_rows import Fence
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.stores.protocol import RunRecord
from themis.core.stores.sql import run_statements as sql
from themis.core.stores.sql.database import SqlDatabase
from themis.core.stores.sql.job_statements import SELECT_META, TOUCH_META
from themis.core.stores.sql.judge_call_statements import (
    DELETE_JUDGE_CALLS_OF,
    SAVE_JUDGE_CALL,
    SELECT_CACHED,
    SELECT_JUDGE_CALLS,
    SELECT_JUDGED_ITEMS,
)
from themis.core.stores.sql.reading_statements import SELECT_RUNS_NAMED
from themis.core.stores.sql.row_values import run_record
from themis.core.stores.sql.short_texts import shortened
from themis.core.text.lines import storable
from themis.core.text.run_names import labels_text

_KNOWN_FILE = "file "
"""The beginning of the keys of known files in `store_meta`."""


class SideRows(BaseRunStore, ABC):
    """Methods of a store on these rows."""

    def name_run(self, run_id: str, name: str, labels: Mapping[str, str]) -> None:
        """Give a run its name and labels, unless it has a name already."""
        with self.transaction() as connection:
            connection.execute(sql.NAME_RUN, (storable(name), labels_text(labels), self._run_no(run_id)))

    def runs_named(self, name: str, limit: int) -> list[RunRecord]:
        """Return the runs with exactly that name, newest first."""
        return [run_record(row) for row in self._open().query(SELECT_RUNS_NAMED, (name, limit))]

    def add_to_group(self, group: str, members: Sequence[tuple[str, str]]) -> None:
        """Add runs to a group, behind those that it has; one that is in it stays."""
        with self.transaction() as connection:
            (last,) = connection.execute(sql.LAST_OF_GROUP, (group,)).fetchone()
            rows = [(group, self._run_no(one), place, row) for place, (one, row) in enumerate(members, last + 1)]
            connection.executemany(sql.ADD_TO_GROUP, rows)

    def group_members(self, group: str) -> list[tuple[str, str]]:
        """Return the runs of a group as (id, row name), in the order in which they were added."""
        return [(run_id, row) for run_id, row in self._open().query(sql.SELECT_GROUP, (group,))]

    def group_names(self) -> list[str]:
        """Return the names of all groups, in their order."""
        return [name for (name,) in self._open().query(sql.SELECT_GROUP_NAMES)]

    def put_spend(self, run_id: str, execution: int, spend: str, *, fence: Fence | None = None) -> None:
        """Save the spend of an execution of a run, in place of what was saved of it."""
        with self._fenced(fence) as connection:
            connection.execute(sql.PUT_SPEND, (self._run_no(run_id), execution, spend))

    def spends(self, run_id: str) -> dict[int, str]:
        """Return the spend of each execution of a run, by its number."""
        return dict(self._open().query(sql.SELECT_SPENDS, (self._run_no(run_id),)))

    def put_aggregate(self, run_id: str, item: int, figures: str, *, fence: Fence | None = None) -> None:
        """Save the figures of a metric over a run, in place of what was saved of it."""
        with self._fenced(fence) as connection:
            connection.execute(sql.PUT_AGGREGATE, (self._run_no(run_id), item, figures))

    def aggregates(self, run_id: str) -> dict[int, str]:
        """Return the figures of each metric that has any, by its item."""
        return dict(self._open().query(sql.SELECT_AGGREGATES, (self._run_no(run_id),)))

    def batches(self, run_id: str) -> list[BatchRow]:
        """Return the batches of a run, in order."""
        return [batch_row(row) for row in self._open().query(sql.SELECT_BATCHES, (self._run_no(run_id),))]

    def save_batch(self, run_id: str, row: BatchRow, *, fence: Fence | None = None) -> None:
        """Add a batch, or replace its row; synced to disk before this returns."""
        with self._fenced(fence) as connection:
            connection.execute(sql.SAVE_BATCH, (self._run_no(run_id), *storable_row(row)))

    def save_judge_calls(self, run_id: str, rows: list[JudgeCallRow], *, fence: Fence | None = None) -> None:
        """Save the responses of judges, all or none; a row of the same key is replaced."""
        blobs: dict[str, bytes] = {}
        with self._fenced(fence) as connection:
            run_no = self._run_no(run_id)
            kept = [(run_no, *row._replace(response=shortened(row.response, blobs))) for row in rows]
            connection.executemany(SAVE_JUDGE_CALL, kept)
            self._insert_blobs(connection, blobs)

    def judge_calls_between(self, run_id: str, first: int, stop: int) -> list[JudgeCallRow]:
        """Return the judge calls about the cases numbered from `first` to before `stop`, in order of their keys."""
        rows = self._open().query(SELECT_JUDGE_CALLS, (self._run_no(run_id), first, stop))
        return [row._replace(response=self._text(row.response) or "") for row in map(JudgeCallRow._make, rows)]

    def forget_judge_calls(self, run_id: str, keeps: Callable[[Stage, int], bool]) -> None:
        """Remove the responses of judges about a run, but for those about items that are kept."""
        run_no = self._run_no(run_id)
        with self.transaction() as connection:
            for (item,) in connection.execute(SELECT_JUDGED_ITEMS, (run_no,)).fetchall():
                if not keeps(Stage.JUDGE, item):
                    connection.execute(DELETE_JUDGE_CALLS_OF, (run_no, item))

    def cached_response(self, cache_key: str) -> str | None:
        """Return the response to calls with that key in the newest run that has one; None when there is none."""
        row = self._open().query_one(SELECT_CACHED, (cache_key,))
        return self._text(row[0]) if row else None

    def add_score_edits(self, run_id: str, edits: Sequence[ScoreEdit]) -> list[ScoreEdit]:
        """Add edits of a run's scores, all or none; returns them with their numbers and the time."""
        with self.transaction() as connection:
            run_no = self._locked_run_no(run_id)
            (last,) = connection.execute(sql.COUNT_SCORE_EDITS, (run_no,)).fetchone()
            at_ms = now_ms()
            added = [edit._replace(number=no, edited_ms=at_ms) for no, edit in enumerate(edits, last + 1)]
            connection.executemany(sql.ADD_SCORE_EDIT, [(run_no, *edit) for edit in added])
        return added

    def score_edits(self, run_id: str) -> list[ScoreEdit]:
        """Return all edits of a run's scores, in the order in which they were made."""
        return [ScoreEdit._make(row) for row in self._open().query(sql.SELECT_SCORE_EDITS, (self._run_no(run_id),))]

    def save_calibration(self, key: str, calibration: str) -> None:
        """Save the calibration of a judge and rubric, in place of an earlier one."""
        with self.transaction() as connection:
            connection.execute(sql.SAVE_CALIBRATION, (key, calibration))

    def known_file(self, key: str) -> str | None:
        """Return what was kept under a key; None when there is nothing."""
        row = self._open().query_one(SELECT_META, (_KNOWN_FILE + key,))
        return str(row[0]) if row else None

    def keep_known_files(self, files: Mapping[str, str]) -> None:
        """Keep short texts by their keys."""
        if files:
            with self.transaction() as connection:
                connection.executemany(TOUCH_META, [(_KNOWN_FILE + key, text) for key, text in files.items()])

    def calibrations(self) -> dict[str, str]:
        """Return the calibrations of all judges and rubrics, by their keys."""
        return dict(self._open().query(sql.SELECT_CALIBRATIONS))

    @abstractmethod
    def _text(self, stored: str | None) -> str | None: ...

    @abstractmethod
    def _open(self) -> SqlDatabase: ...

    @abstractmethod
    def _insert_blobs(self, connection: Any, blobs: Mapping[str, bytes]) -> None:
        """Insert those blobs, by their hashes, that the store does not have yet, within a transaction."""

    @abstractmethod
    def _fenced(self, fence: Fence | None) -> AbstractContextManager[Any]: ...

    @abstractmethod
    def _run_no(self, run_id: str) -> int: ...

    @abstractmethod
    def _locked_run_no(self, run_id: str) -> int:
        """Return the number of a run that no other transaction may lock until this one ends."""
