"""End of a run with shards: in the transaction that ends the job of the last one, with the run locked."""

from typing import Any

from themis.core.stores.job_rows import JobRow
from themis.core.stores.sql.shards import statements as sql


def follow(connection: Any, run_no: int, before: JobRow, after: JobRow) -> None:
    """Write what a change of a shard's job means for its run, which is locked: it may end, or be open again."""
    was_ended, has_ended = before.ended_ns is not None, after.ended_ns is not None
    if was_ended == has_ended:
        return
    if connection.execute(sql.SETTLE_SHARD, (+has_ended, run_no, after.key)).rowcount == 0:
        return  # of shards that the run had before
    if not has_ended:
        connection.execute(sql.BEGIN_SHARD, (run_no, after.key))
        connection.execute(sql.REOPEN_RUN, (run_no,))
        return
    if connection.execute(sql.HAS_UNSETTLED, (run_no,)).fetchone() is not None:
        return
    from themis.core.stores.sql.shards.end_of_run import end_run  # noqa: PLC0415  # its models cost 100 ms, for who only looks

    end_run(connection, run_no)
