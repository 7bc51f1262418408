"""Statements on runs, their cases, outcomes and batches, and blobs."""

from themis.core.outcomes.items import OF_CANDIDATES
from themis.core.outcomes.outcome import CaseEnd, Outcome
from themis.core.outcomes.score_edit import ScoreEdit
from themis.core.stores.batch_rows import BatchRow
from themis.core.stores.reading import RUN_FIELDS

_CASE = ", ".join(CaseEnd._fields)
_OUTCOME = ", ".join(Outcome._fields)
_LATER = ("ok", *Outcome._fields[Outcome._fields.index("ok") + 1 :])

INSERT_RUN = """
INSERT INTO runs (run_id, status, total_cases, snapshot, created_ms) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (run_id) DO NOTHING
"""
NAME_RUN = "UPDATE runs SET name = ?, labels = ? WHERE run_no = ? AND name IS NULL"
INSERT_REUSE_KEY = "INSERT INTO reuse_keys (reuse_key, run_no, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
SELECT_REUSE_KEY = "SELECT 1 FROM reuse_keys WHERE reuse_key = ? AND run_no = ? AND name = ?"
SELECT_REUSE_KEYS = "SELECT name, reuse_key FROM reuse_keys WHERE run_no = ?"
DELETE_REUSE_KEYS = "DELETE FROM reuse_keys WHERE run_no = ?"
SELECT_RUN_NO = "SELECT run_no FROM runs WHERE run_id = ?"
SELECT_SNAPSHOT = "SELECT snapshot FROM runs WHERE run_id = ?"
UPDATE_SNAPSHOT = "UPDATE runs SET snapshot = ? WHERE run_id = ?"
RUN_COLUMNS = ", ".join(RUN_FIELDS)
SELECT_RUN = f"SELECT {RUN_COLUMNS} FROM runs WHERE run_id = ?"  # noqa: S608  # a constant
START_RUN = "UPDATE runs SET status = ?, started_ms = ?, ended_ms = NULL, error = NULL WHERE run_id = ?"
END_RUN = "UPDATE runs SET status = ?, completed_through = ?, error = ?, ended_ms = ? WHERE run_id = ?"
DELETE_ALL = (
    "DELETE FROM outcomes WHERE run_no = ?",
    "DELETE FROM cases WHERE run_no = ?",
    "DELETE FROM spends WHERE run_no = ?",
    "DELETE FROM aggregates WHERE run_no = ?",
)
PUT_SPEND = """
INSERT INTO spends (run_no, execution, spend) VALUES (?, ?, ?)
ON CONFLICT (run_no, execution) DO UPDATE SET spend = excluded.spend
"""
SELECT_SPENDS = "SELECT execution, spend FROM spends WHERE run_no = ? ORDER BY execution"
PUT_AGGREGATE = """
INSERT INTO aggregates (run_no, item, figures) VALUES (?, ?, ?)
ON CONFLICT (run_no, item) DO UPDATE SET figures = excluded.figures
"""
SELECT_AGGREGATES = "SELECT item, figures FROM aggregates WHERE run_no = ? ORDER BY item"
_BATCH = ", ".join(BatchRow._fields)
_BATCH_PLACES = ", ".join("?" * (1 + len(BatchRow._fields)))
SELECT_BATCHES = f"SELECT {_BATCH} FROM batches WHERE run_no = ? ORDER BY number"  # noqa: S608  # a constant
_BATCH_NEWER = ", ".join(f"{name} = excluded.{name}" for name in BatchRow._fields if name != "number")
SAVE_BATCH = (
    f"INSERT INTO batches (run_no, {_BATCH}) VALUES ({_BATCH_PLACES}) "  # noqa: S608  # constants
    f"ON CONFLICT (run_no, number) DO UPDATE SET {_BATCH_NEWER}"
)
DROP_BATCHES = "UPDATE batches SET state = 'dropped' WHERE run_no = ? AND state IN ('intended', 'submitted')"
DELETE_BATCHES = "DELETE FROM batches WHERE run_no = ? AND state <> 'dropped'"
RESET_RUN = """
UPDATE runs SET status = ?, completed_through = NULL, error = NULL, started_ms = NULL, ended_ms = NULL WHERE run_no = ?
"""

# A success is final; only a failure is replaced by a later outcome of the same key.
_NEWER = ", ".join(f"{name} = excluded.{name}" for name in _LATER)
OUTCOME_COLUMNS: tuple[str, ...] = ("run_no", *Outcome._fields)
CASE_COLUMNS: tuple[str, ...] = ("run_no", *CaseEnd._fields)
KEEP_SUCCESSES = f"ON CONFLICT (run_no, case_no, stage, item) DO UPDATE SET {_NEWER} WHERE outcomes.ok = 0"
"""End of a statement that inserts outcomes."""
KEEP_ENDS = (
    "ON CONFLICT (run_no, case_no) DO UPDATE SET failed = excluded.failed, through = excluded.through "
    "WHERE cases.failed = 1 OR cases.through < excluded.through"
)
"""End of a statement that inserts ends of cases."""
KEEP_BLOBS = "ON CONFLICT (digest) DO NOTHING"
INSERT_BLOB = f"INSERT INTO blobs (digest, data) VALUES (?, ?) {KEEP_BLOBS}"  # noqa: S608  # a constant
SELECT_BLOB = "SELECT data FROM blobs WHERE digest = ?"

SELECT_CASES = f"SELECT {_CASE} FROM cases WHERE run_no = ? AND case_no >= ? AND case_no < ? ORDER BY case_no"  # noqa: S608
SELECT_CASES_FROM = f"SELECT {_CASE} FROM cases WHERE run_no = ? AND case_no >= ? ORDER BY case_no LIMIT ?"  # noqa: S608
SELECT_CASE_IDS = (
    "SELECT case_no, dataset_no, case_id FROM cases WHERE run_no = ? AND case_no >= ? ORDER BY case_no LIMIT ?"
)
SELECT_NTH_CASE = "SELECT case_no FROM cases WHERE run_no = ? ORDER BY case_no LIMIT 1 OFFSET ?"
SELECT_OUTCOMES = (
    f"SELECT {_OUTCOME} FROM outcomes "  # noqa: S608  # a constant
    "WHERE run_no = ? AND case_no >= ? AND case_no < ? ORDER BY case_no, stage, item"
)
SELECT_VALUES = (
    "SELECT case_no, value FROM outcomes "
    "WHERE run_no = ? AND case_no >= ? AND case_no < ? AND stage >= ? AND item = ? AND ok = 1 ORDER BY case_no"
)
COUNT_CASES = "SELECT count(*), CAST(coalesce(sum(failed), 0) AS BIGINT) FROM cases WHERE run_no = ?"
HAS_OUTCOMES = "SELECT 1 FROM outcomes WHERE run_no = ? LIMIT 1"
# Scores of single candidates are not among those of a run's metrics.
COUNT_SCORES = f"""
SELECT item, count(value), sum(CASE WHEN value = 0 THEN 1 ELSE 0 END), sum(CASE WHEN value = 1 THEN 1 ELSE 0 END),
    sum(CASE WHEN category = 'no_answer' THEN 1 ELSE 0 END)
FROM outcomes WHERE run_no = ? AND stage >= ? AND ok = 1 AND item < {OF_CANDIDATES} GROUP BY item ORDER BY item
"""  # noqa: S608  # a constant
COUNT_ANSWER_ENDS = f"""
SELECT s.item, g.category, s.value, count(*)
FROM outcomes g JOIN outcomes s ON s.run_no = g.run_no AND s.case_no = g.case_no AND s.stage >= ? AND s.ok = 1
    AND s.item < {OF_CANDIDATES}
WHERE g.run_no = ? AND g.stage = 1 AND g.category IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM outcomes h WHERE h.run_no = g.run_no AND h.case_no = g.case_no AND h.stage = 1 AND h.item < g.item
        AND h.category IS NOT NULL
)
GROUP BY s.item, g.category, s.value
"""  # noqa: S608  # a constant
SELECT_SCORES = f"""
SELECT item, value FROM outcomes
WHERE run_no = ? AND case_no >= ? AND case_no < ? AND stage >= ? AND ok = 1 AND value IS NOT NULL
    AND item < {OF_CANDIDATES}
"""  # noqa: S608  # a constant
SAVE_CALIBRATION = (
    "INSERT INTO calibrations (key, calibration) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET calibration = excluded.calibration"
)
SELECT_CALIBRATIONS = "SELECT key, calibration FROM calibrations ORDER BY key"
# Two who add at the same time may use a place twice; then the order of the runs decides.
ADD_TO_GROUP = (
    "INSERT INTO run_groups (name, run_no, place, row_name) VALUES (?, ?, ?, ?) ON CONFLICT (name, run_no) DO NOTHING"
)
LAST_OF_GROUP = "SELECT coalesce(max(place), 0) FROM run_groups WHERE name = ?"
SELECT_GROUP = (
    "SELECT r.run_id, g.row_name FROM run_groups g JOIN runs r ON r.run_no = g.run_no WHERE g.name = ? "
    "ORDER BY g.place, g.run_no"
)
SELECT_GROUP_NAMES = "SELECT DISTINCT name FROM run_groups ORDER BY name"
_EDIT = ", ".join(ScoreEdit._fields)
_EDIT_PLACES = ", ".join("?" * (1 + len(ScoreEdit._fields)))
ADD_SCORE_EDIT = f"INSERT INTO score_edits (run_no, {_EDIT}) VALUES ({_EDIT_PLACES})"  # noqa: S608
SELECT_SCORE_EDITS = f"SELECT {_EDIT} FROM score_edits WHERE run_no = ? ORDER BY number"  # noqa: S608  # a constant
COUNT_SCORE_EDITS = "SELECT coalesce(max(number), 0) FROM score_edits WHERE run_no = ?"
SELECT_REUSABLE = """
SELECT r.run_id, k.name FROM reuse_keys k JOIN runs r ON r.run_no = k.run_no
WHERE k.reuse_key = ? AND r.run_id <> ? ORDER BY k.run_no DESC LIMIT ?
"""
