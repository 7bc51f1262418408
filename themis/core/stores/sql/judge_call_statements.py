"""Statements on the responses of judges."""

from themis.core.stores.judge_call_rows import JudgeCallRow

_COLUMNS = ", ".join(JudgeCallRow._fields)
_NEWER = "cache_key = excluded.cache_key, finished_ms = excluded.finished_ms, response = excluded.response"

SAVE_JUDGE_CALL = (
    f"INSERT INTO judge_calls (run_no, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) "  # noqa: S608  # constants
    f"ON CONFLICT (run_no, case_no, item, call_id) DO UPDATE SET {_NEWER}"
)
SELECT_JUDGE_CALLS = (
    f"SELECT {_COLUMNS} FROM judge_calls "  # noqa: S608  # a constant
    "WHERE run_no = ? AND case_no >= ? AND case_no < ? ORDER BY case_no, item, call_id"
)
SELECT_CACHED = "SELECT response FROM judge_calls WHERE cache_key = ? ORDER BY run_no DESC LIMIT 1"
DELETE_JUDGE_CALLS = "DELETE FROM judge_calls WHERE run_no = ?"
SELECT_JUDGED_ITEMS = "SELECT DISTINCT item FROM judge_calls WHERE run_no = ?"
DELETE_JUDGE_CALLS_OF = "DELETE FROM judge_calls WHERE run_no = ? AND item = ?"
