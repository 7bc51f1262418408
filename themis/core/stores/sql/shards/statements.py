"""Statements on the shards of runs."""

from themis.core.stores.shards.rows import ShardRow

_IN_TABLE = {"first": "first_case", "stop": "stop_case"}
_NAMES = [_IN_TABLE.get(name, name) for name in ShardRow._fields]
_COLUMNS = ", ".join(f"s.{name}" for name in _NAMES)

DELETE_SHARDS = "DELETE FROM run_shards WHERE run_no = ?"
INSERT_SHARD = "INSERT INTO run_shards (run_no, number, total, first_case, stop_case, key) VALUES (?, ?, ?, ?, ?, ?)"
SELECT_SHARDS = (
    f"SELECT {_COLUMNS} FROM run_shards s JOIN runs r ON r.run_no = s.run_no "  # noqa: S608  # constants
    "WHERE r.run_id = ? ORDER BY s.number"
)
COUNT_HOSTS = """
SELECT count(DISTINCT j.host) FROM run_shards s JOIN runs r ON r.run_no = s.run_no JOIN jobs j ON j.key = s.key
WHERE r.run_id = ? AND j.state = 'running'
"""
START_SHARDED = "UPDATE runs SET status = 'running', started_ms = ? WHERE run_no = ? AND status = 'pending'"
BEGIN_SHARD = "UPDATE run_shards SET finished = 0 WHERE run_no = ? AND key = ?"
COUNT_OF_SHARD = """
SELECT count(c.case_no), CAST(coalesce(sum(c.failed), 0) AS BIGINT),
    CAST(coalesce(sum(CASE WHEN c.through >= ? THEN 1 ELSE 0 END), 0) AS BIGINT)
FROM run_shards s JOIN cases c ON c.run_no = s.run_no AND c.case_no >= s.first_case AND c.case_no < s.stop_case
WHERE s.run_no = ? AND s.key = ?
"""
FINISH_SHARD = (
    "UPDATE run_shards SET finished = ?, ended = ?, failed = ?, answered = ?, through = ? WHERE run_no = ? AND key = ?"
)
SELECT_FINISHED = "SELECT finished FROM run_shards WHERE run_no = ? ORDER BY number"
SETTLE_SHARD = "UPDATE run_shards SET settled = ? WHERE run_no = ? AND key = ?"
HAS_UNSETTLED = "SELECT 1 FROM run_shards WHERE run_no = ? AND settled = 0 LIMIT 1"
SELECT_ENDS = (
    f"SELECT {_COLUMNS}, j.state, j.cause, j.message "  # noqa: S608  # constants
    "FROM run_shards s JOIN jobs j ON j.key = s.key WHERE s.run_no = ? ORDER BY s.number"
)
SELECT_FAILURE_ROWS = "SELECT failure_rows FROM runs WHERE run_id = ?"
PUT_FAILURE_ROWS = "UPDATE runs SET failure_rows = ? WHERE run_no = ?"
REOPEN_RUN = """
UPDATE runs SET status = 'pending', error = NULL, started_ms = NULL, ended_ms = NULL, failure_rows = NULL
WHERE run_no = ?
"""
END_SHARDED = (
    "UPDATE runs SET status = ?, completed_through = ?, error = ?, ended_ms = ? WHERE run_no = ? AND ended_ms IS NULL"
)
"""Ends a run, once: one that has ended, as by a process without a queue, stays as it is."""

LOCK_RUN_OF_JOB = "SELECT run_no FROM runs WHERE run_id = (SELECT run_id FROM jobs WHERE key = ?)"
