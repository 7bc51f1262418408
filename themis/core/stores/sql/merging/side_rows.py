"""Merging of what a run has beside its cases: reuse keys, figures, batches, edits of scores and groups."""

from typing import Any

from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.stores.batch_rows import BatchRow, BatchState
from themis.core.stores.merging.edits import merged_edits
from themis.core.stores.merging.port import MergeSource
from themis.core.stores.reading import RunRow
from themis.core.stores.sql import run_statements
from themis.core.stores.sql.database import SqlDatabase
from themis.core.stores.sql.merging import statements as sql

_OF_RUN = "WHERE run_no = ?"


def has_text(database: SqlDatabase, digest: str) -> bool:
    """Whether the target has a long text."""
    return database.query_one("SELECT 1 FROM blobs WHERE digest = ?", (digest,)) is not None


def merge_reuse_keys(connection: Any, source: MergeSource, here: RunRow, run: RunRow) -> int:
    """Keep the reuse keys that are valid for the outcomes of both stores; return how many were added or removed.

    To be called before any outcome of the source is in the target.
    """
    before = {
        (key, name) for name, key in connection.execute(run_statements.SELECT_REUSE_KEYS, (here.run_no,)).fetchall()
    }
    theirs = set(source.rows("reuse_keys", ("reuse_key", "name"), _OF_RUN, (run.run_no,)))
    has_mine = connection.execute(run_statements.HAS_OUTCOMES, (here.run_no,)).fetchone() is not None
    has_theirs = bool(source.rows("outcomes", ("run_no",), f"{_OF_RUN} LIMIT 1", (run.run_no,)))
    valid = before if has_mine or before else theirs
    if has_theirs:
        valid = before & theirs if has_mine else theirs
    for key, name in before - valid:
        connection.execute(sql.DELETE_REUSE_KEY, (key, here.run_no, name))
    for key, name in sorted(valid - before):
        connection.execute(run_statements.INSERT_REUSE_KEY, (key, here.run_no, name))
    return len(before ^ valid)


def add_figures(connection: Any, source: MergeSource, here: RunRow, run: RunRow) -> int:
    """Add figures over all cases of a run, of which the target has none but those in the source."""
    rows = source.rows("aggregates", ("item", "figures"), _OF_RUN, (run.run_no,))
    return sum(connection.execute(sql.ADD_FIGURES, (here.run_no, *row)).rowcount for row in rows)


def lacks_figures(connection: Any, source: MergeSource, here: RunRow, run: RunRow) -> bool:
    """Whether a run has figures over all cases in the source, and none in the target."""
    if connection.execute(run_statements.SELECT_AGGREGATES, (here.run_no,)).fetchone() is not None:
        return False
    return bool(source.rows("aggregates", ("item",), f"{_OF_RUN} LIMIT 1", (run.run_no,)))


def merge_batches(connection: Any, source: MergeSource, here: RunRow, run: RunRow, notes: list[str]) -> int:
    """Add the batches that are over, as history; return how many. One that a provider may have is left to its store."""
    theirs = [
        BatchRow(*row) for row in source.rows("batches", BatchRow._fields, f"{_OF_RUN} ORDER BY number", (run.run_no,))
    ]
    if not theirs:
        return 0
    mine = [BatchRow(*row) for row in connection.execute(run_statements.SELECT_BATCHES, (here.run_no,)).fetchall()]
    nonces, numbers = {row.nonce for row in mine}, {row.number for row in mine}
    over = {BatchState.READ, BatchState.CLOSED}
    new = [row for row in theirs if row.state in over and row.nonce not in nonces]
    for row in new:
        number = row.number if row.number not in numbers else max(numbers) + 1
        numbers.add(number)
        connection.execute(run_statements.SAVE_BATCH, (here.run_no, *row._replace(number=number)))
    left = len([row for row in theirs if row.state not in over])
    if left:
        said = f"batches that are left to {source.label}, as the provider may still have them: {left}"
        notes.append(f"run {run.run_id[:12]}: {said}")
    return len(new)


def merge_groups(connection: Any, source: MergeSource, here: RunRow, run: RunRow) -> int:
    """Add a run to the groups that it is in in the source, in its place there; return how many."""
    rows = source.rows("run_groups", ("name", "place", "row_name"), _OF_RUN, (run.run_no,))
    values = [(name, here.run_no, place, row_name) for name, place, row_name in rows]
    return sum(connection.execute(run_statements.ADD_TO_GROUP, one).rowcount for one in values)


def merge_edits(connection: Any, source: MergeSource, here: RunRow, run: RunRow, notes: list[str]) -> int:
    """Make one history of the edits of scores in both stores; return how many were added."""
    theirs = [
        ScoreEdit._make(row)
        for row in source.rows("score_edits", ScoreEdit._fields, f"{_OF_RUN} ORDER BY number", (run.run_no,))
    ]
    if not theirs:
        return 0
    mine = [
        ScoreEdit._make(row) for row in connection.execute(run_statements.SELECT_SCORE_EDITS, (here.run_no,)).fetchall()
    ]
    merged = merged_edits(mine, theirs)
    if merged == mine:
        return 0
    stay = merged[: len(mine)] == mine
    if not stay:
        connection.execute(sql.DELETE_EDITS, (here.run_no,))
        notes.append(f"run {run.run_id[:12]}: scores were edited in both stores; the edits are numbered by their times")
    new = merged[len(mine) :] if stay else merged
    connection.executemany(run_statements.ADD_SCORE_EDIT, [(here.run_no, *edit) for edit in new])
    return len(merged) - len(mine)
