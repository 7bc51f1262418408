"""Merging of one run, which nobody else may run meanwhile."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from themis.core.errors import RunBusyError
from themis.core.outcomes.stages import Stage
from themis.core.stores.merging.port import MergeSource
from themis.core.stores.merging.report import Prefer, RefusedRun, SourceReport
from themis.core.stores.merging.run_status import MergedCases, RunFields, merged_status
from themis.core.stores.reading import RunRow
from themis.core.stores.sql import run_statements
from themis.core.stores.sql.merging import side_rows, spends
from themis.core.stores.sql.merging import statements as sql
from themis.core.stores.sql.merging.bridge import Bridge
from themis.core.stores.sql.merging.conflicts import Meeting, compare
from themis.core.stores.sql.merging.stretches import Stretch, stretches
from themis.core.stores.sql.run_store import SqlRunStore
from themis.core.text.counts import counted

_ID = 12
"""Characters of a run's id in a message."""


@dataclass(slots=True)
class Target:
    """Store that is merged into, and what was decided in it so far.

    Attributes:
        store: the store.
        database: its database.
        bridge: has the rows of the source.
        prefer: whose results count where two differ.
        tell: is called with what is being done, in words.
        earlier: the sources that were merged before.
        named: ids of the runs whose name and snapshot a preferred source has decided.
    """

    store: SqlRunStore
    database: Any
    bridge: Bridge
    prefer: Prefer | None
    tell: Callable[[str], None]
    earlier: list[MergeSource] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


class RunMerge:
    """Merging of a run of a source.

    Args:
        target: the store that it is merged into.
        source: the store that has it.
        run: its row there.
        report: what was done so far with that source.
    """

    def __init__(self, target: Target, source: MergeSource, run: RunRow, report: SourceReport) -> None:
        """Merge nothing yet."""
        self._target = target
        self._database = target.database
        self._source = source
        self._run = run
        self._report = report
        self._added = report.added

    def merge(self) -> None:
        """Merge it, or note why it is refused."""
        holder = self._source.run_holder(self._run.run_id)
        if holder.held:
            self._refuse(f"is being run from {self._source.label} by {holder}; merge it when that has ended")
            return
        try:
            with self._target.store.hold_run(self._run.run_id):
                self._merge()
        except RunBusyError as error:
            self._refuse(f"in {self._target.store.label}: {error}")

    def _merge(self) -> None:
        known = self._known()
        if not side_rows.has_text(self._database, self._run.snapshot):
            self._refuse(f"has no snapshot in {self._source.label}, which is damaged; nothing of it was merged")
            return
        parts = list(stretches(self._source, self._run.run_no))
        meeting = None
        if known is not None and self._database.query_one(sql.SELECT_MEETING, (known.run_no, known.run_no)):
            meeting = self._compare(known, parts)
            if meeting is None:
                return
        for part in parts:
            self._target.tell(f"{self._source.label}: {counted(self._added.cases, 'case')} new so far")
            with self._database.transaction() as connection:
                here = self._known() or self._add(connection)
                if part is parts[0]:
                    self._added.facts += side_rows.merge_reuse_keys(connection, self._source, here, self._run)
                self._target.bridge.bring(self._run.run_no, *part)
                self._add_stretch(connection, here, part, meeting)
                if part is parts[-1]:
                    self._finish(connection, here, meeting)

    def _compare(self, known: RunRow, parts: list[Stretch]) -> Meeting | None:
        """Compare with what the target has; None when the run is refused."""
        source, store = self._source.label, self._target.store.label
        meeting = compare(self._database, self._target.bridge, (known, self._run), parts, self._target.earlier)
        if meeting.other_case is not None or known.total_cases != self._run.total_cases:
            said = (
                meeting.other_case
                or f"{counted(known.total_cases, 'case')} in the target, {self._run.total_cases:,} in the source"
            )
            self._refuse(f"is not of the same cases in {source} and {store}: {said}")
            return None
        if not meeting.cases:
            return meeting
        if self._target.prefer is None:
            said = f"has {counted(meeting.cases, 'case')} with another result in {source}: the first is {meeting.first}"
            self._refuse(f"{said}; --prefer first or --prefer last decides")
            return None
        return meeting

    def _add(self, connection: Any) -> RunRow:
        run = self._run
        row = (run.run_id, run.total_cases, run.snapshot, run.created_ms, run.name, run.labels)
        connection.execute(sql.INSERT_RUN, row)
        spends.note_added(connection, run.run_id, self._source)
        self._added.runs += 1
        found = self._known()
        assert found is not None, "it was just added"  # noqa: S101
        return found

    def _add_stretch(self, connection: Any, here: RunRow, part: Stretch, meeting: Meeting | None) -> None:
        values = (here.run_no, self._run.run_no, *part)
        statements = sql.ADD_ALL
        if meeting is not None and meeting.cases:
            statements = sql.ADD_OTHERS
            self._decide(connection, values)
        outcomes, cases, calls = (connection.execute(statement, values).rowcount for statement in statements)
        self._added.outcomes += outcomes
        self._added.cases += cases
        self._added.judge_calls += calls
        if outcomes or cases:
            connection.execute(sql.DELETE_FIGURES, (here.run_no,))
        if self._target.prefer is Prefer.LAST:
            connection.execute(sql.SETTLE, values)

    def _decide(self, connection: Any, values: tuple[int, ...]) -> None:
        """Leave the cases that are in conflict to the target, or remove them there."""
        connection.execute(sql.CLEAR_LEFT_OUT)
        if self._target.prefer is Prefer.FIRST:
            connection.execute(sql.LEAVE_OUT, values)
            return
        run_no = values[0]
        connection.execute(sql.LEAVE_OUT_SETTLED, (*values, run_no))
        self._added.replaced += connection.execute(sql.COUNT_REPLACED, (run_no, *values)).fetchone()[0]
        for statement in sql.DELETE_REPLACED:
            connection.execute(statement, (run_no, *values))

    def _finish(self, connection: Any, here: RunRow, meeting: Meeting | None) -> None:
        """Merge what is not of single cases, in the transaction of the last stretch."""
        added, run = self._added, self._run
        if meeting is not None:
            added.rescued += meeting.rescued
            self._note_conflicts(meeting)
        self._name(connection, here, meeting)
        ended, failed = self._counts(connection, here.run_no)
        if (ended, failed) == self._source.count_cases(run.run_no):
            added.figures += side_rows.add_figures(connection, self._source, here, run)
        elif side_rows.lacks_figures(connection, self._source, here, run):
            self._note(
                "its figures over all cases were of a part of them, and are gone; themis run computes them again"
            )
        added.spends += spends.merge_spends(connection, self._target.store, self._source, here, run)
        added.batches += side_rows.merge_batches(connection, self._source, here, run, self._report.notes)
        added.facts += side_rows.merge_groups(connection, self._source, here, run)
        added.score_edits += side_rows.merge_edits(connection, self._source, here, run, self._report.notes)
        if self._source.rows("replays", ("run_no",), "WHERE run_no = ?", (run.run_no,)):
            self._note("has a replay that did not end; it was left out")
        self._end(connection, here, ended, failed)

    def _end(self, connection: Any, here: RunRow, ended: int, failed: int) -> None:
        before = RunFields(here.status, here.completed_through, here.error, here.started_ms, here.ended_ms)
        least = connection.execute(sql.LEAST_THROUGH, (here.run_no,)).fetchone()[0]
        answered = connection.execute(sql.COUNT_ANSWERS, (here.run_no, int(Stage.SCORE))).fetchone()[0]
        through = None if least is None else Stage(least)
        cases = MergedCases(ended, failed, bool(answered), through, self._max_failed_share(connection))
        now = merged_status(here, self._run, cases)
        if now == before:
            return
        connection.execute(sql.UPDATE_RUN, (*now, here.run_no))
        self._added.facts += 1
        if now.completed_through and not (before.completed_through or self._run.completed_through):
            self._report.completed.append(here.run_id)

    def _max_failed_share(self, connection: Any) -> float | None:
        (data,) = connection.execute(run_statements.SELECT_BLOB, (self._run.snapshot,)).fetchone()
        document = json.loads(bytes(data))
        share = document.get("provenance", {}).get("runtime", {}).get("max_failed_share")
        return share if isinstance(share, int | float) else None

    def _counts(self, connection: Any, run_no: int) -> tuple[int, int]:
        ended, failed = connection.execute(run_statements.COUNT_CASES, (run_no,)).fetchone()
        return ended, failed

    def _name(self, connection: Any, here: RunRow, meeting: Meeting | None) -> None:
        """Settle name, labels and snapshot: those that were there first stay, unless the last are preferred."""
        run, decided = self._run, self._target.named
        is_preferred = self._target.prefer is Prefer.LAST and run.run_id not in decided
        decided.add(run.run_id)
        if run.name is not None and (run.name, run.labels) != (here.name, here.labels):
            if here.name is None or is_preferred:
                connection.execute(sql.RENAME_RUN, (run.name, run.labels, here.run_no))
                self._added.facts += 1
            if here.name is not None:
                there, kept = _title(here), _title(run if is_preferred else here)
                self._note(f"is {_title(run)} in the source and {there} in the target; it is {kept} now")
        if is_preferred and meeting is not None and meeting.cases and run.snapshot != here.snapshot:
            connection.execute(run_statements.UPDATE_SNAPSHOT, (run.snapshot, run.run_id))
            self._added.facts += 1

    def _note_conflicts(self, meeting: Meeting) -> None:
        if meeting.rescued:
            self._note(f"{counted(meeting.rescued, 'failure')} replaced by a success")
        if meeting.cases:
            self._note(f"{counted(meeting.cases, 'case')} with two results; those of the {self._target.prefer} count")

    def _known(self) -> RunRow | None:
        row = self._database.query_one(sql.SELECT_RUN, (self._run.run_id,))
        return None if row is None else RunRow(*row)

    def _note(self, said: str) -> None:
        self._report.notes.append(f"run {self._run.run_id[:_ID]}: {said}")

    def _refuse(self, why: str) -> None:
        self._report.refused.append(RefusedRun(self._run.run_id, f"run {self._run.run_id[:_ID]} {why}"))


def _title(run: RunRow) -> str:
    """Return the name of a run, with its labels if it has any."""
    return f"{run.name!r} {run.labels or ''}".rstrip()
