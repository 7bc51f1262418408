"""Last step of a run with shards: its row is written when none of them is left."""

from typing import Any

from themis.core.outcomes.codec import now_ms
from themis.core.stores.base import end_columns
from themis.core.stores.shards.ending import EndOfShard, end_of
from themis.core.stores.shards.rows import ShardRow, shard_row
from themis.core.stores.sql.shards import statements as sql


def end_run(connection: Any, run_no: int) -> None:
    """End a run whose shards have all ended, unless it has ended."""
    found = connection.execute(sql.SELECT_ENDS, (run_no,)).fetchall()
    width = len(ShardRow._fields)
    end = end_of([EndOfShard(shard_row(row[:width]), *row[width:]) for row in found])
    values = (end.status.value, *end_columns(end.through, end.error), now_ms(), run_no)
    connection.execute(sql.END_SHARDED, values)
