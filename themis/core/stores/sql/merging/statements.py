"""Statements that merge the rows of a source into the tables of a store.

The rows of a source are in relations of the same connection, whose names begin with `src_`; see `Bridge`.
"""

from themis.core.outcomes.outcome import Outcome
from themis.core.outcomes.stages import Stage
from themis.core.stores.judge_call_rows import JudgeCallRow
from themis.core.stores.reading import RunRow
from themis.core.stores.sql.run_statements import CASE_COLUMNS, OUTCOME_COLUMNS

JUDGE_CALL_COLUMNS: tuple[str, ...] = ("run_no", *JudgeCallRow._fields)
BLOB_COLUMNS: tuple[str, ...] = ("digest", "data")

BROUGHT: dict[str, tuple[str, ...]] = {
    "outcomes": OUTCOME_COLUMNS,
    "cases": CASE_COLUMNS,
    "judge_calls": JUDGE_CALL_COLUMNS,
}
"""Tables with a row for each case or more, by their names: their columns. They are merged where they are."""

MARKS: tuple[str, ...] = (
    "DROP TABLE IF EXISTS merge_left_out",
    "DROP TABLE IF EXISTS merge_settled",
    "CREATE TEMPORARY TABLE merge_left_out (case_no bigint PRIMARY KEY)",
    "CREATE TEMPORARY TABLE merge_settled (run_no bigint, case_no bigint, PRIMARY KEY (run_no, case_no))",
)
"""Statements that make tables of this connection: cases that are left to the target, and those that are decided."""

# Everything that is inserted into the texts below is a constant.
_RUN = ", ".join(RunRow._fields)
SELECT_RUN = f"SELECT {_RUN} FROM runs WHERE run_id = ?"  # noqa: S608
INSERT_RUN = """
INSERT INTO runs (run_id, status, total_cases, snapshot, created_ms, name, labels) VALUES (?, 'pending', ?, ?, ?, ?, ?)
"""
UPDATE_RUN = """
UPDATE runs SET status = ?, completed_through = ?, error = ?, started_ms = ?, ended_ms = ? WHERE run_no = ?
"""
RENAME_RUN = "UPDATE runs SET name = ?, labels = ? WHERE run_no = ?"
SELECT_MEETING = "SELECT 1 FROM cases WHERE run_no = ? UNION ALL SELECT 1 FROM outcomes WHERE run_no = ? LIMIT 1"
COUNT_ANSWERS = "SELECT count(*) FROM (SELECT 1 FROM cases WHERE run_no = ? AND through >= ? LIMIT 1) answered"
LEAST_THROUGH = "SELECT min(through) FROM cases WHERE run_no = ? AND failed = 0"

# Values in a fixed order: the target's number of the run, the source's, and the stretch of cases.
_STRETCH = "s.run_no = ? AND s.case_no >= ? AND s.case_no < ?"
_BOTH = f"""
FROM src_outcomes s JOIN outcomes t ON t.run_no = ? AND t.case_no = s.case_no AND t.stage = s.stage AND t.item = s.item
WHERE {_STRETCH}
"""
# What later stages and reports take; the rest, such as the time that an answer took, may differ. The output of a judge
# stage is its conversation, which no stage takes.
_DIFFER = f"""
(s.ok = 1 AND t.ok = 1 AND ((s.stage < {int(Stage.JUDGE)} AND coalesce(s.output, '') <> coalesce(t.output, ''))
    OR (s.value IS NULL) <> (t.value IS NULL) OR s.value <> t.value
    OR coalesce(s.category, '') <> coalesce(t.category, '')))
"""
COMPARE = f"""
SELECT coalesce(sum(CASE WHEN {_DIFFER} THEN 1 ELSE 0 END), 0),
    coalesce(sum(CASE WHEN s.ok > t.ok THEN 1 ELSE 0 END), 0)
{_BOTH}
"""
CONFLICTING_CASES = f"SELECT DISTINCT s.case_no {_BOTH} AND {_DIFFER}"
COUNT_CONFLICTING = f"SELECT count(*) FROM ({CONFLICTING_CASES}) conflicting"  # noqa: S608
FIRST_CONFLICT = f"""
SELECT s.case_no, s.stage, s.item, t.value, t.output {_BOTH} AND {_DIFFER} ORDER BY s.case_no, s.stage, s.item LIMIT 1
"""
OTHER_CASE = f"""
SELECT s.case_no, s.case_id, t.case_id FROM src_cases s JOIN cases t ON t.run_no = ? AND t.case_no = s.case_no
WHERE {_STRETCH} AND (s.case_id <> t.case_id OR s.dataset_no <> t.dataset_no OR s.digest <> t.digest) LIMIT 1
"""  # noqa: S608
SELECT_CASE_ID = "SELECT case_id FROM cases WHERE run_no = ? AND case_no = ?"

CLEAR_LEFT_OUT = "DELETE FROM merge_left_out"
LEAVE_OUT = f"INSERT INTO merge_left_out (case_no) {CONFLICTING_CASES}"
IS_SETTLED = "SELECT 1 FROM merge_settled m WHERE m.run_no = ? AND m.case_no = "
LEAVE_OUT_SETTLED = f"{LEAVE_OUT} AND EXISTS ({IS_SETTLED} s.case_no)"
SETTLE = f"""
INSERT INTO merge_settled (run_no, case_no)
SELECT DISTINCT CAST(? AS bigint), s.case_no FROM src_outcomes s WHERE {_STRETCH} AND s.ok = 1 ON CONFLICT DO NOTHING
"""  # noqa: S608
_REPLACED = (
    f"run_no = ? AND case_no IN ({CONFLICTING_CASES}) "  # noqa: S608
    "AND case_no NOT IN (SELECT case_no FROM merge_left_out)"
)
COUNT_REPLACED = f"SELECT count(DISTINCT case_no) FROM outcomes WHERE {_REPLACED}"  # noqa: S608
# Outcomes last, as the others are found by them. The values are the run's number and those of a stretch.
DELETE_REPLACED: tuple[str, ...] = tuple(
    f"DELETE FROM {table} WHERE {_REPLACED}"  # noqa: S608
    for table in ("judge_calls", "cases", "outcomes")
)


def _insert(table: str, columns: tuple[str, ...], on_conflict: str) -> str:
    names = ", ".join(columns[1:])
    of_source = ", ".join(f"s.{name}" for name in columns[1:])
    return f"""
INSERT INTO {table} (run_no, {names}) SELECT CAST(? AS bigint), {of_source} FROM src_{table} s
WHERE {_STRETCH} {{without}} ORDER BY {", ".join(f"s.{name}" for name in columns[1:4])} ON CONFLICT {on_conflict}
"""  # noqa: S608


_LATER = Outcome._fields[Outcome._fields.index("ok") :]
# As a store appends, but for two failures: the later one stays, whichever was merged first.
_INSERTS: tuple[str, ...] = (
    _insert(
        "outcomes",
        OUTCOME_COLUMNS,
        f"(run_no, case_no, stage, item) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _LATER)} "
        "WHERE outcomes.ok = 0 AND (excluded.ok = 1 OR excluded.finished_ms > outcomes.finished_ms)",
    ),
    # The end that came further counts, and of two that came as far the one without a failure.
    _insert(
        "cases",
        CASE_COLUMNS,
        "(run_no, case_no) DO UPDATE SET failed = excluded.failed, through = excluded.through WHERE "
        "excluded.through > cases.through OR (excluded.through = cases.through AND excluded.failed < cases.failed)",
    ),
    _insert("judge_calls", JUDGE_CALL_COLUMNS, "DO NOTHING"),
)
_WITHOUT = "AND s.case_no NOT IN (SELECT case_no FROM merge_left_out)"

ADD_ALL: tuple[str, ...] = tuple(statement.format(without="") for statement in _INSERTS)
"""Statements that add a stretch of outcomes, ends of cases and judge calls, in this order."""

ADD_OTHERS: tuple[str, ...] = tuple(statement.format(without=_WITHOUT) for statement in _INSERTS)
"""The same without the cases that are left to the target."""

DELETE_FIGURES = "DELETE FROM aggregates WHERE run_no = ?"
ADD_FIGURES = "INSERT INTO aggregates (run_no, item, figures) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
DELETE_REUSE_KEY = "DELETE FROM reuse_keys WHERE reuse_key = ? AND run_no = ? AND name = ?"
DELETE_EDITS = "DELETE FROM score_edits WHERE run_no = ?"
SELECT_JOB_PLACE = "SELECT job_no, version, queue_id FROM jobs WHERE key = ?"
DELETE_JOB: tuple[str, ...] = tuple(
    f"DELETE FROM {table} WHERE job_no = ?"  # noqa: S608
    for table in ("job_attempts", "job_manifests", "job_dependents", "jobs")
)
