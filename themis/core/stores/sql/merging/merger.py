"""Merging of stores into a store in a database, source by source and run by run."""

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from themis.core.errors import StoreCorruptError
from themis.core.stores.merging.port import MergeSource, StoreMerger
from themis.core.stores.merging.report import MergeReport, Prefer, SourceReport
from themis.core.stores.reading import RunRow
from themis.core.stores.sql import run_statements
from themis.core.stores.sql.merging import statements as sql
from themis.core.stores.sql.merging.bridge import Bridge
from themis.core.stores.sql.merging.jobs import merge_jobs
from themis.core.stores.sql.merging.one_run import RunMerge, Target
from themis.core.stores.sql.run_store import SqlRunStore
from themis.core.text.counts import counted

_RUN_ID = re.compile(r"[0-9a-f]{64}")


class SqlMerger(StoreMerger):
    """Store in a database that others are merged into.

    Args:
        store: the store.
        database: its database.
        bridge: makes the rows of a source visible in it.
    """

    def __init__(self, store: SqlRunStore, database: Any, bridge: Bridge) -> None:
        """Open nothing yet."""
        self._store = store
        self._database = database
        self._bridge = bridge

    def merge(self, sources: Sequence[MergeSource], prefer: Prefer | None, tell: Callable[[str], None]) -> MergeReport:
        """Merge what other stores keep into this one."""
        for source in sources:
            source.check()
            self._bridge.check(source)
        self._store.initialize()
        with self._database.transaction() as connection:
            for statement in sql.MARKS:
                connection.execute(statement)
        target = Target(self._store, self._database, self._bridge, prefer, tell)
        reports = [SourceReport(source.label) for source in sources]
        pairs = list(zip(sources, reports, strict=True))
        # The last counts most: it comes first, and what it has decided stays.
        for source, report in reversed(pairs) if prefer is Prefer.LAST else pairs:
            self._merge_source(target, source, report)
            target.earlier.append(source)
        return MergeReport(self._store.label, reports)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _merge_source(self, target: Target, source: MergeSource, report: SourceReport) -> None:
        def count(texts: int) -> None:
            report.added.texts += texts
            target.tell(f"{source.label}: {counted(report.added.texts, 'long text')} new so far")

        with closing(source), self._bridge.using(source):
            runs = [RunRow(*row) for row in source.rows("runs", RunRow._fields, "ORDER BY run_no")]
            report.runs = len(runs)
            _refuse_other_ids(source, runs)
            self._bridge.add_texts(count)
            for run in runs:
                RunMerge(target, source, run, report).merge()
            merge_jobs(self._database, source, report)
            self._merge_calibrations(target, source, report)

    def _merge_calibrations(self, target: Target, source: MergeSource, report: SourceReport) -> None:
        """Add calibrations; where both have one, that of the target stays unless the last is preferred."""
        theirs = dict(source.rows("calibrations", ("key", "calibration"), ""))
        mine = dict(self._database.query(run_statements.SELECT_CALIBRATIONS)) if theirs else {}
        with self._database.transaction() as connection:
            for key, calibration in theirs.items():
                is_preferred = target.prefer is Prefer.LAST and key not in target.named
                target.named.add(key)
                if mine.get(key) == calibration:
                    continue
                if key in mine:
                    chosen = "the source" if is_preferred else "the target"
                    report.notes.append(f"calibration {key[:12]} is another in the target; that of {chosen} stays")
                if key not in mine or is_preferred:
                    connection.execute(run_statements.SAVE_CALIBRATION, (key, calibration))
                    report.added.calibrations += 1


def _refuse_other_ids(source: MergeSource, runs: Sequence[RunRow]) -> None:
    """Refuse a store with ids that no run has: they become parts of the names of files."""
    for run in runs:
        said = str(run.run_id)  # a file may have anything in any column
        if not _RUN_ID.fullmatch(said):
            raise StoreCorruptError(path=source.label, detail=f"it has a run with the id {said[:80]!r}")
