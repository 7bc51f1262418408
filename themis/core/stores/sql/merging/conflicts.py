"""Conflicts between a run of a source and the same run in the target, found before anything of it is written."""

from collections.abc import Sequence
from typing import NamedTuple

from themis.core.outcomes.stages import NAMES, Stage
from themis.core.stores.merging.port import MergeSource
from themis.core.stores.reading import RunRow
from themis.core.stores.sql.database import SqlDatabase
from themis.core.stores.sql.merging import statements as sql
from themis.core.stores.sql.merging.bridge import Bridge
from themis.core.stores.sql.merging.stretches import Stretch


class Meeting(NamedTuple):
    """Comparison of the outcomes that both stores have.

    Attributes:
        cases: number of cases with two different successes.
        rescued: failures of the target that are successes in the source.
        first: the first of these outcomes, in words; None without any.
        other_case: the first number that is of another case in each store, in words; None when there is none.
    """

    cases: int
    rescued: int
    first: str | None
    other_case: str | None


def compare(
    database: SqlDatabase,
    bridge: Bridge,
    runs: tuple[RunRow, RunRow],
    stretches: Sequence[Stretch],
    earlier: Sequence[MergeSource],
) -> Meeting:
    """Compare the outcomes of a run in the target, and in the source.

    Args:
        database: the target.
        bridge: has the rows of the source.
        runs: the run in the target, and in the source.
        stretches: its cases.
        earlier: sources that were merged before, one of which may be where the target has an outcome from.
    """
    target, source = runs
    cases = rescued = 0
    first = None
    for stretch in stretches:
        values = (target.run_no, source.run_no, *stretch)
        with database.transaction():
            bridge.bring(source.run_no, *stretch)
            other = database.query_one(sql.OTHER_CASE, values)
            if other is not None:
                case_no, here, there = other
                return Meeting(
                    cases, rescued, first, f"case number {case_no} is {here!r} in one and {there!r} in the other"
                )
            differing, found = database.query_one(sql.COMPARE, values) or (0, 0)
            rescued += int(found)
            if not differing:
                continue
            cases += int((database.query_one(sql.COUNT_CONFLICTING, values) or (0,))[0])
            if first is None:
                first = _first(database, values, target, earlier)
    return Meeting(cases, rescued, first, None)


def _first(database: SqlDatabase, values: tuple[int, ...], target: RunRow, earlier: Sequence[MergeSource]) -> str:
    """Return the first conflict of a stretch, in words, with the store that has the other outcome."""
    found = database.query_one(sql.FIRST_CONFLICT, values)
    assert found is not None, "there was one in this transaction"  # noqa: S101
    case_no, stage, item, value, output = found
    row = database.query_one(sql.SELECT_CASE_ID, (target.run_no, case_no))
    case = f"case {row[0]!r}" if row else f"case number {case_no}"
    place = f"{case}, {NAMES[Stage(stage)].span}" + (f" {item}" if item else "")
    for source in earlier:
        runs = source.rows("runs", ("run_no",), "WHERE run_id = ?", (target.run_id,))
        for (run_no,) in runs:
            has = source.rows(
                "outcomes",
                ("value", "output"),
                "WHERE run_no = ? AND case_no = ? AND stage = ? AND item = ? AND ok = 1",
                (run_no, case_no, stage, item),
            )
            if has == [(value, output)]:
                return f"{place}, which {source.label} has too"
    return f"{place}, which {database.label} has too"
