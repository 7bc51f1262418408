"""Statements on the jobs of queues, and on what a store knows of itself."""

JOBS_SCHEMA: tuple[str, ...] = (
    """
    CREATE TABLE IF NOT EXISTS store_meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    )
    """,
    # Numbered in the order of submission, which is about the order of claiming: neighbours change together.
    """
    CREATE TABLE IF NOT EXISTS jobs (
        job_no INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL,
        queue_id TEXT NOT NULL,
        queue_root TEXT NOT NULL,
        version BIGINT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        submitted_ns BIGINT NOT NULL,
        ready_ns BIGINT,
        max_attempts INTEGER NOT NULL,
        max_worker_lost INTEGER NOT NULL,
        timeout_s REAL,
        memory_limit_mb INTEGER,
        failures INTEGER NOT NULL,
        lost INTEGER NOT NULL,
        cancel_requested INTEGER NOT NULL,
        token TEXT,
        worker TEXT,
        host TEXT,
        boot_id TEXT,
        pid INTEGER,
        pid_started BIGINT,
        job_pid INTEGER,
        job_pid_started BIGINT,
        cause TEXT,
        message TEXT,
        started_ns BIGINT,
        ended_ns BIGINT,
        updated_ns BIGINT NOT NULL,
        lease_until_ms BIGINT
    )
    """,
    # Apart from the row: a manifest may be large, never changes, and the row changes twice an attempt.
    """
    CREATE TABLE IF NOT EXISTS job_manifests (
        job_no INTEGER PRIMARY KEY,
        manifest TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS job_attempts (
        job_no INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        token TEXT NOT NULL,
        worker TEXT NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started_ns BIGINT NOT NULL,
        ended_ns BIGINT NOT NULL,
        cause TEXT NOT NULL,
        message TEXT NOT NULL,
        exit_code INTEGER,
        PRIMARY KEY (job_no, attempt)
    ) WITHOUT ROWID
    """,
)

JOBS_UPGRADES: dict[int, tuple[str, ...]] = {
    1: ("ALTER TABLE jobs ADD COLUMN lease_until_ms BIGINT",),
}
"""What leads from each earlier version of the schema to the next."""

_CLOCK_MS = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"

SELECT_META = "SELECT value FROM store_meta WHERE key = ?"
INSERT_META = "INSERT INTO store_meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
TOUCH_META = "INSERT INTO store_meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"

_FIXED = "key, run_id"
_CHANGING = (
    "queue_id, queue_root, version, state, attempt, priority, submitted_ns, ready_ns, max_attempts, max_worker_lost, "
    "timeout_s, memory_limit_mb, failures, lost, cancel_requested, token, worker, host, boot_id, pid, pid_started, "
    "job_pid, job_pid_started, cause, message, started_ns, ended_ns, updated_ns, lease_until_ms"
)
COLUMNS = f"{_FIXED}, {_CHANGING}"
_PLACES = ", ".join("?" * len(COLUMNS.split(",")))
# Not the request to cancel: it may come at any time, from others than those who change the row.
_SET = ", ".join(f"{name.strip()} = ?" for name in _CHANGING.split(",") if name.strip() != "cancel_requested")

# Everything that is put into the texts below is a constant above.
INSERT_JOB = f"INSERT INTO jobs ({COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (key) DO NOTHING"  # noqa: S608
SELECT_JOB = f"SELECT {COLUMNS} FROM jobs WHERE key = ?"  # noqa: S608
SELECT_JOBS_BETWEEN = f"SELECT {COLUMNS} FROM jobs WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"  # noqa: S608
SELECT_JOBS_OF_QUEUE = f"SELECT {COLUMNS} FROM jobs WHERE queue_id = ? AND key > ? ORDER BY key LIMIT ?"  # noqa: S608
UPDATE_JOB = f"UPDATE jobs SET {_SET} WHERE key = ? AND version = ?"  # noqa: S608
SELECT_VERSION = "SELECT version FROM jobs WHERE key = ?"
REQUEST_CANCEL = "UPDATE jobs SET cancel_requested = 1 WHERE key = ? AND state IN ('queued', 'running')"
CLEAR_REQUEST = "UPDATE jobs SET cancel_requested = 0 WHERE key = ?"
NOTE_PROCESS = "UPDATE jobs SET job_pid = ?, job_pid_started = ? WHERE key = ? AND version = ?"
# By the database's own clock, the only one that all hosts have in common.
RENEW_LEASE = f"UPDATE jobs SET lease_until_ms = {_CLOCK_MS} + ? WHERE key = ? AND version = ?"  # noqa: S608
SELECT_CLOCK = f"SELECT {_CLOCK_MS}"
SELECT_LEASE = "SELECT lease_until_ms FROM jobs WHERE key = ?"
COUNT_JOBS = "SELECT state, count(*) FROM jobs WHERE queue_id = ? GROUP BY state"

INSERT_MANIFEST = "INSERT INTO job_manifests (job_no, manifest) SELECT job_no, ? FROM jobs WHERE key = ?"
UPDATE_MANIFEST = "UPDATE job_manifests SET manifest = ? WHERE job_no = (SELECT job_no FROM jobs WHERE key = ?)"
SELECT_MANIFEST = "SELECT m.manifest FROM job_manifests m JOIN jobs j ON j.job_no = m.job_no WHERE j.key = ?"

# One outcome an attempt: a second one for the same number is an error of the database.
INSERT_ATTEMPT = """
INSERT INTO job_attempts (job_no, attempt, token, worker, host, pid, started_ns, ended_ns, cause, message, exit_code)
SELECT job_no, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM jobs WHERE key = ?
"""
SELECT_ATTEMPTS = """
SELECT a.attempt, a.token, a.worker, a.host, a.pid, a.started_ns, a.ended_ns, a.cause, a.message, a.exit_code
FROM job_attempts a JOIN jobs j ON j.job_no = a.job_no WHERE j.key = ? ORDER BY a.attempt
"""
