"""Statements on runs, their cases and outcomes, and blobs."""

from functools import lru_cache

RUNS_SCHEMA: tuple[str, ...] = (
    """
    CREATE TABLE IF NOT EXISTS runs (
        run_no INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        completed_through TEXT,
        total_cases INTEGER NOT NULL,
        snapshot TEXT NOT NULL,
        error TEXT,
        created_ms INTEGER NOT NULL,
        started_ms INTEGER,
        ended_ms INTEGER
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS reuse_keys (
        reuse_key TEXT NOT NULL,
        run_no INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (reuse_key, run_no, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS cases (
        run_no INTEGER NOT NULL,
        case_no INTEGER NOT NULL,
        dataset_no INTEGER NOT NULL,
        case_id TEXT NOT NULL,
        digest BLOB NOT NULL,
        failed INTEGER NOT NULL,
        through INTEGER NOT NULL,
        PRIMARY KEY (run_no, case_no)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS outcomes (
        run_no INTEGER NOT NULL,
        case_no INTEGER NOT NULL,
        stage INTEGER NOT NULL,
        item INTEGER NOT NULL,
        ok INTEGER NOT NULL,
        finished_ms INTEGER NOT NULL,
        value REAL,
        output TEXT,
        body TEXT NOT NULL,
        retries TEXT,
        category TEXT,
        PRIMARY KEY (run_no, case_no, stage, item)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS blobs (
        digest TEXT PRIMARY KEY,
        data BLOB NOT NULL
    ) WITHOUT ROWID
    """,
)

RUNS_UPGRADES: dict[int, tuple[str, ...]] = {
    2: ("ALTER TABLE outcomes ADD COLUMN category TEXT",),
}
"""What leads from an earlier version of the schema to the next."""

INSERT_RUN = """
INSERT INTO runs (run_id, status, total_cases, snapshot, created_ms) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (run_id) DO NOTHING
"""
INSERT_REUSE_KEY = "INSERT INTO reuse_keys (reuse_key, run_no, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
SELECT_REUSE_KEY = "SELECT 1 FROM reuse_keys WHERE reuse_key = ? AND run_no = ? AND name = ?"
DELETE_REUSE_KEYS = "DELETE FROM reuse_keys WHERE run_no = ?"
SELECT_RUN_NO = "SELECT run_no FROM runs WHERE run_id = ?"
SELECT_SNAPSHOT = "SELECT snapshot FROM runs WHERE run_id = ?"
UPDATE_SNAPSHOT = "UPDATE runs SET snapshot = ? WHERE run_id = ?"
RUN_COLUMNS = "run_id, status, completed_through, total_cases, error, created_ms, started_ms, ended_ms"
SELECT_RUN = f"SELECT {RUN_COLUMNS} FROM runs WHERE run_id = ?"  # noqa: S608  # a constant
SELECT_RUNS = f"SELECT {RUN_COLUMNS} FROM runs WHERE run_id LIKE ? ORDER BY run_no DESC LIMIT ?"  # noqa: S608
START_RUN = "UPDATE runs SET status = ?, started_ms = ?, ended_ms = NULL, error = NULL WHERE run_id = ?"
END_RUN = "UPDATE runs SET status = ?, completed_through = ?, error = ?, ended_ms = ? WHERE run_id = ?"
DELETE_CASES = "DELETE FROM cases WHERE run_no = ?"
DELETE_OUTCOMES = "DELETE FROM outcomes WHERE run_no = ?"
RESET_RUN = """
UPDATE runs SET status = ?, completed_through = NULL, error = NULL, started_ms = NULL, ended_ms = NULL WHERE run_no = ?
"""

# A success is final; only a failure gives way to a later outcome of the same key.
_INSERT_OUTCOMES = (
    "INSERT INTO outcomes ({columns}) VALUES {rows} "
    "ON CONFLICT (run_no, case_no, stage, item) DO UPDATE SET ok = excluded.ok, finished_ms = excluded.finished_ms, "
    "value = excluded.value, output = excluded.output, body = excluded.body, retries = excluded.retries, "
    "category = excluded.category "
    "WHERE outcomes.ok = 0"
)
_INSERT_CASES = (
    "INSERT INTO cases (run_no, case_no, dataset_no, case_id, digest, failed, through) VALUES {rows} "
    "ON CONFLICT (run_no, case_no) DO UPDATE SET failed = excluded.failed, through = excluded.through "
    "WHERE cases.failed = 1 OR cases.through < excluded.through"
)
_INSERT_BLOBS = "INSERT INTO blobs (digest, data) VALUES {rows} ON CONFLICT (digest) DO NOTHING"
SELECT_BLOB = "SELECT data FROM blobs WHERE digest = ?"

SELECT_CASES = (
    "SELECT case_no, dataset_no, case_id, digest, failed, through FROM cases "
    "WHERE run_no = ? AND case_no >= ? AND case_no < ? ORDER BY case_no"
)
SELECT_CASES_FROM = (
    "SELECT case_no, dataset_no, case_id, digest, failed, through FROM cases "
    "WHERE run_no = ? AND case_no >= ? ORDER BY case_no LIMIT ?"
)
SELECT_NTH_CASE = "SELECT case_no FROM cases WHERE run_no = ? ORDER BY case_no LIMIT 1 OFFSET ?"
SELECT_OUTCOMES = (
    "SELECT case_no, stage, item, ok, finished_ms, value, output, body, retries, category FROM outcomes "
    "WHERE run_no = ? AND case_no >= ? AND case_no < ? ORDER BY case_no, stage, item"
)
COUNT_CASES = "SELECT count(*), coalesce(sum(failed), 0) FROM cases WHERE run_no = ?"
HAS_OUTCOMES = "SELECT 1 FROM outcomes WHERE run_no = ? LIMIT 1"
COUNT_SCORES = """
SELECT item, count(value), sum(CASE WHEN value = 0 THEN 1 ELSE 0 END), sum(CASE WHEN value = 1 THEN 1 ELSE 0 END),
    count(category)
FROM outcomes WHERE run_no = ? AND stage = ? AND ok = 1 GROUP BY item ORDER BY item
"""
SELECT_SCORES = """
SELECT item, value FROM outcomes
WHERE run_no = ? AND case_no >= ? AND case_no < ? AND stage = ? AND ok = 1 AND value IS NOT NULL
"""
SELECT_REUSABLE = """
SELECT r.run_id, k.name FROM reuse_keys k JOIN runs r ON r.run_no = k.run_no
WHERE k.reuse_key = ? AND r.run_id <> ? ORDER BY k.run_no DESC LIMIT ?
"""
SELECT_DIGESTS = "SELECT digest, dataset_no, case_no FROM cases WHERE run_no = ?"


@lru_cache
def insert_outcomes(columns: tuple[str, ...], rows: int) -> str:
    """Insert so many outcomes that leave all but these columns empty."""
    return _INSERT_OUTCOMES.format(columns=", ".join(columns), rows=_places(len(columns), rows))


@lru_cache
def insert_cases(rows: int) -> str:
    """Insert so many ends of cases, seven values each."""
    return _INSERT_CASES.format(rows=_places(7, rows))


@lru_cache
def insert_blobs(rows: int) -> str:
    """Insert so many blobs, two values each."""
    return _INSERT_BLOBS.format(rows=_places(2, rows))


def _places(columns: int, rows: int) -> str:
    return ", ".join(["(" + ", ".join("?" * columns) + ")"] * rows)
