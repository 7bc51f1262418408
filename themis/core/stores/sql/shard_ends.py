"""End of a run with shards: in the transaction that ends the job of the last one, with the run locked."""

from collections.abc import Sequence
from typing import Any

from themis.core.outcomes.codec import now_ms
from themis.core.results import RunStatus
from themis.core.stores.base import end_columns
from themis.core.stores.job_rows import JobRow
from themis.core.stores.shards.rows import EndOfShard, ShardRow, end_of
from themis.core.stores.sql import shard_statements as sql


def follow(connection: Any, run_no: int, before: JobRow, after: JobRow) -> None:
    """Write what a change of a shard's job means for its run, which is locked: it may end, or be open again."""
    was_ended, has_ended = before.ended_ns is not None, after.ended_ns is not None
    if was_ended == has_ended:
        return
    if connection.execute(sql.SETTLE_SHARD, (+has_ended, run_no, after.key)).rowcount == 0:
        return  # of shards that the run had before
    if not has_ended:
        connection.execute(sql.BEGIN_SHARD, (run_no, after.key))
        connection.execute(sql.REOPEN_RUN, (RunStatus.PENDING.value, run_no))
        return
    if connection.execute(sql.HAS_UNSETTLED, (run_no,)).fetchone() is not None:
        return
    found = connection.execute(sql.SELECT_ENDS, (run_no,)).fetchall()
    width = len(ShardRow._fields)
    end = end_of([EndOfShard(shard_row(row[:width]), *row[width:]) for row in found])
    values = (end.status.value, *end_columns(end.through, end.error), now_ms(), run_no)
    connection.execute(sql.END_SHARDED, values)


def shard_row(row: Sequence[Any]) -> ShardRow:
    """Return the shard with these values of its columns."""
    found = ShardRow(*row)
    return found._replace(settled=bool(found.settled))
