"""Statements on the jobs of queues, and on facts about the store itself."""

from themis.core.stores.job_rows import ATTEMPT_COLUMNS, JOB_COLUMNS

AFTER_ANY_KEY = "\U0010ffff"
"""Text that comes after every other that a key can continue with."""

SELECT_META = "SELECT value FROM store_meta WHERE key = ?"
INSERT_META = "INSERT INTO store_meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
TOUCH_META = "INSERT INTO store_meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"

_COLUMNS = ", ".join(JOB_COLUMNS)
_PLACES = ", ".join("?" * len(JOB_COLUMNS))
_ATTEMPT = ", ".join(ATTEMPT_COLUMNS)

_FIXED = frozenset({"key", "run_id"})
# Not what may come at any time, from other processes than those that change the row.
_OF_OTHERS = frozenset({"cancel_requested", "awaited"})
CHANGING: tuple[str, ...] = tuple(name for name in JOB_COLUMNS if name not in _FIXED | _OF_OTHERS)
"""Columns that a change of a job writes, in the order of `UPDATE_JOB`."""

_SET = ", ".join(f"{name} = ?" for name in CHANGING)

# For a job as a `Fence` says: its key, its version, and its token or an empty text.
FENCED = "key = ? AND version = ? AND coalesce(token, '') = ?"

# Everything that is inserted into the texts below is a constant above.
INSERT_JOB = f"INSERT INTO jobs ({_COLUMNS}) VALUES ({_PLACES}) ON CONFLICT (key) DO NOTHING"  # noqa: S608
SELECT_JOB = f"SELECT {_COLUMNS} FROM jobs WHERE key = ?"  # noqa: S608
SELECT_JOBS_BETWEEN = f"SELECT {_COLUMNS} FROM jobs WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"  # noqa: S608
SELECT_JOBS_OF_QUEUE = f"SELECT {_COLUMNS} FROM jobs WHERE queue_id = ? AND key > ? ORDER BY key LIMIT ?"  # noqa: S608
UPDATE_JOB = f"UPDATE jobs SET {_SET} WHERE {FENCED} RETURNING awaited"  # noqa: S608
SELECT_FENCED = f"SELECT 1 FROM jobs WHERE {FENCED}"  # noqa: S608
SELECT_JOB_FENCED = f"SELECT {_COLUMNS} FROM jobs WHERE {FENCED}"  # noqa: S608
REQUEST_CANCEL = "UPDATE jobs SET cancel_requested = 1 WHERE key = ? AND state IN ('queued', 'running')"
CLEAR_REQUEST = "UPDATE jobs SET cancel_requested = 0 WHERE key = ?"
NOTE_PROCESS = f"UPDATE jobs SET job_pid = ?, job_pid_started = ? WHERE {FENCED}"  # noqa: S608
# By the database's own clock, see `Dialect`, the only one that all hosts share.
RENEW_LEASE = f"UPDATE jobs SET lease_until_ms = {{clock_ms}} + ? WHERE {FENCED}"  # noqa: S608
BEAT = f"{RENEW_LEASE} RETURNING key, cancel_requested"
SELECT_CLOCK = "SELECT {clock_ms}"
SELECT_LEASE = "SELECT lease_until_ms FROM jobs WHERE key = ?"
COUNT_JOBS = "SELECT state, count(*) FROM jobs WHERE queue_id = ? GROUP BY state"

INSERT_MANIFEST = "INSERT INTO job_manifests (job_no, manifest) SELECT job_no, ? FROM jobs WHERE key = ?"
UPDATE_MANIFEST = "UPDATE job_manifests SET manifest = ? WHERE job_no = (SELECT job_no FROM jobs WHERE key = ?)"
SELECT_MANIFEST = "SELECT m.manifest FROM job_manifests m JOIN jobs j ON j.job_no = m.job_no WHERE j.key = ?"

# One outcome for each attempt: a second one for the same number is an error of the database.
INSERT_ATTEMPT = (
    f"INSERT INTO job_attempts (job_no, {_ATTEMPT}) "  # noqa: S608  # a constant
    f"SELECT job_no, {', '.join('?' * len(ATTEMPT_COLUMNS))} FROM jobs WHERE key = ?"
)
SELECT_ATTEMPTS = (
    f"SELECT {', '.join(f'a.{name}' for name in ATTEMPT_COLUMNS)} "  # noqa: S608  # a constant
    "FROM job_attempts a JOIN jobs j ON j.job_no = a.job_no WHERE j.key = ? ORDER BY a.attempt"
)
