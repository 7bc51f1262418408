"""Statements on the batches of runs."""

from themis.core.stores.batch_rows import BatchRow

_COLUMNS = ", ".join(BatchRow._fields)
_PLACES = ", ".join("?" * (1 + len(BatchRow._fields)))

SELECT_BATCHES = f"SELECT {_COLUMNS} FROM batches WHERE run_no = ? ORDER BY number"  # noqa: S608  # a constant
SAVE_BATCH = f"INSERT OR REPLACE INTO batches (run_no, {_COLUMNS}) VALUES ({_PLACES})"  # noqa: S608  # constants
DROP_BATCHES = "UPDATE batches SET state = 'dropped' WHERE run_no = ? AND state IN ('intended', 'submitted')"
DELETE_BATCHES = "DELETE FROM batches WHERE run_no = ? AND state <> 'dropped'"
