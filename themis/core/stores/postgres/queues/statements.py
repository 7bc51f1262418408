"""Statements on queues without a folder, and on their jobs."""

from functools import lru_cache

from themis.core.stores.job_rows import ATTEMPT_COLUMNS, JOB_COLUMNS
from themis.core.stores.postgres.database import DIALECT
from themis.core.stores.queues.dependents import HELD_NS
from themis.core.stores.queues.port import JobEvent, LogRow, QueueRow
from themis.core.stores.sql.job_statements import FENCED

_CLOCK_NS = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) * 1000"
_CLOCK_MS = DIALECT.clock_ms
_JOB = ", ".join(JOB_COLUMNS)
_OF_JOB = ", ".join(f"j.{name}" for name in JOB_COLUMNS)
_EVENT = ", ".join(JobEvent._fields)
_LOG = ", ".join(LogRow._fields)
_QUEUE = ", ".join(QueueRow._fields)

# The place in the order of claiming, as the index of waiting jobs has it.
_PLACE = "coalesce(ready_ns, submitted_ns)"
_WAITS = "queue_id = ? AND state = 'queued' AND needs IS NOT NULL"
_IS_LATER = "ready_ns IS NOT NULL AND ready_ns > clock.now_ns"

DURABILITY = """
SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
    (SELECT count(*) FROM pg_stat_replication)
"""

CLOCK = f"SELECT {_CLOCK_NS}"
_WITH_CLOCK = f"WITH clock AS MATERIALIZED (SELECT {_CLOCK_NS} AS now_ns)"

QUEUE = f"SELECT {_QUEUE} FROM queues WHERE queue_id = ?"  # noqa: S608  # a constant, like all below
ENSURE_QUEUE = f"INSERT INTO queues ({_QUEUE}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (queue_id) DO NOTHING"  # noqa: S608
PAUSE = (
    f"INSERT INTO queues ({_QUEUE}) VALUES (?, ?, ?, {_CLOCK_NS}, ?) ON CONFLICT (queue_id) DO UPDATE SET "  # noqa: S608
    "paused_by = excluded.paused_by, paused_ns = excluded.paused_ns, pause_reason = excluded.pause_reason "
    f"RETURNING {_QUEUE}"
)
RESUME = (
    "UPDATE queues SET paused_by = NULL, paused_ns = NULL, pause_reason = NULL "
    "WHERE queue_id = ? AND paused_ns IS NOT NULL"
)
NOTIFY = "SELECT pg_notify(?, '')"

# From one class to the next by the index, as there are few, and very many jobs.
CLASSES = f"""
WITH RECURSIVE found (needs) AS (
    (SELECT needs FROM jobs WHERE {_WAITS} ORDER BY needs LIMIT 1)
    UNION ALL
    SELECT (SELECT needs FROM jobs WHERE {_WAITS} AND needs > found.needs ORDER BY needs LIMIT 1)
    FROM found WHERE found.needs IS NOT NULL
)
SELECT found.needs, one.key, m.manifest FROM found
CROSS JOIN LATERAL (
    SELECT job_no, key FROM jobs WHERE {_WAITS} AND needs = found.needs ORDER BY priority, {_PLACE}, key LIMIT 1
) AS one
JOIN job_manifests m ON m.job_no = one.job_no
WHERE found.needs IS NOT NULL
"""  # noqa: S608

# The time at which the server was asked, one for the whole statement: an index can be read by it.
_ASKED_NS = "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS bigint) * 1000"

# One look into the index for each priority until one has a job: those whose time has not come are never read.
_NEXT = f"""
    SELECT found.* FROM generate_series(0, 9) AS p (priority) CROSS JOIN LATERAL (
        SELECT {{columns}} FROM jobs
        WHERE {_WAITS} AND needs = {{needs}} AND priority = p.priority AND {_PLACE} <= {_ASKED_NS}
            AND cancel_requested = 0
        ORDER BY {_PLACE}, key LIMIT 1{{lock}}
    ) AS found LIMIT 1
"""  # noqa: S608

FIRST_CLASS = f"""
SELECT c.needs FROM unnest(CAST(? AS text[])) AS c (needs)
CROSS JOIN LATERAL ({_NEXT.format(columns=f"key, priority, {_PLACE} AS place", needs="c.needs", lock="")}) AS one
ORDER BY one.priority, c.needs = ANY(CAST(? AS text[])), one.place, one.key LIMIT 1
"""  # noqa: S608

# Nothing is joined: each table that is joined costs a claim as much as a change of an index.
CLAIM_NEXT = f"""
UPDATE jobs AS j SET
    state = 'running', version = j.version + 1, attempt = j.attempt + 1, token = ?, worker = ?, host = ?,
    boot_id = ?, pid = ?, pid_started = ?, job_pid = NULL, job_pid_started = NULL, ready_ns = NULL,
    started_ns = {_ASKED_NS}, ended_ns = NULL, updated_ns = {_ASKED_NS},
    lease_until_ms = {_ASKED_NS} / 1000000 + ?
WHERE job_no = ({_NEXT.format(columns="job_no", needs="?", lock=" FOR NO KEY UPDATE SKIP LOCKED")})
    AND NOT EXISTS (SELECT 1 FROM queues WHERE queue_id = ? AND paused_ns IS NOT NULL)
RETURNING {_OF_JOB}, (SELECT manifest FROM job_manifests m WHERE m.job_no = j.job_no), {_ASKED_NS}
"""  # noqa: S608

BECOMES_READY = f"""
SELECT EXISTS (
    SELECT 1 FROM generate_series(0, 9) AS p (priority) CROSS JOIN unnest(CAST(? AS text[])) AS c (needs)
    CROSS JOIN LATERAL (
        SELECT 1 FROM jobs WHERE {_WAITS} AND needs = c.needs AND priority = p.priority AND {_PLACE} <= ? LIMIT 1
    ) AS one
)
"""  # noqa: S608

COUNT_READY = f"""
{_WITH_CLOCK}
SELECT count(*) FROM (
    SELECT 1 FROM jobs, clock
    WHERE {_WAITS} AND needs = ANY(CAST(? AS text[])) AND {_PLACE} <= clock.now_ns AND cancel_requested = 0 LIMIT ?
) AS ready
"""  # noqa: S608

# After a restart every owner was kept from renewing its lease: each gets the time of one to do so.
LOST = f"""
SELECT {_JOB}, is_over FROM (
    SELECT j.*, j.lease_until_ms < {_CLOCK_MS}
        AND pg_postmaster_start_time() < clock_timestamp() - q.lease_ms * interval '1 millisecond' AS is_over
    FROM jobs j JOIN queues q ON q.queue_id = j.queue_id
    WHERE j.queue_id = ? AND state = 'running' AND needs IS NOT NULL
) AS running WHERE is_over OR host = ? ORDER BY lease_until_ms LIMIT ?
"""  # noqa: S608

SET_NEEDS = "UPDATE jobs SET needs = ? WHERE key = ?"
NOTE = (
    f"INSERT INTO job_events (job_no, {_EVENT}) SELECT job_no, coalesce(nullif(?, 0), {_CLOCK_MS}), "  # noqa: S608
    f"{', '.join('?' * (len(JobEvent._fields) - 1))} FROM jobs WHERE key = ?"
)
KEEP_LOG = (
    f"INSERT INTO job_logs (job_no, {_LOG}) SELECT job_no, {', '.join('?' * len(LogRow._fields))} "  # noqa: S608
    "FROM jobs WHERE key = ? ON CONFLICT (job_no, attempt) DO NOTHING"
)
EVENTS = (
    f"SELECT {', '.join(f'e.{name}' for name in JobEvent._fields)} "  # noqa: S608
    "FROM job_events e JOIN jobs j ON j.job_no = e.job_no WHERE j.key = ? ORDER BY e.event_no"
)
LOGS = (
    f"SELECT {', '.join(f'l.{name}' for name in LogRow._fields)} "  # noqa: S608
    "FROM job_logs l JOIN jobs j ON j.job_no = l.job_no WHERE j.key = ? ORDER BY l.attempt"
)
FORGET = tuple(
    f"DELETE FROM {table} WHERE job_no = (SELECT job_no FROM jobs WHERE key = ?)"  # noqa: S608
    for table in ("job_events", "job_logs")
)

# The end of an attempt, in one message to the server: it is the whole transaction. Only what changes is written, as
# each value costs time on both sides.
_SETTLE = f"""
WITH changed AS (
    UPDATE jobs SET {{assignments}} WHERE {FENCED} RETURNING job_no, state, version, awaited
),
ended AS (
    INSERT INTO job_attempts (job_no, {", ".join(ATTEMPT_COLUMNS)})
    SELECT job_no, {", ".join("?" * len(ATTEMPT_COLUMNS))} FROM changed
    RETURNING *
),
noted AS (
    INSERT INTO job_events (job_no, {_EVENT})
    SELECT job_no, e.ended_ns / 1000000, ?, e.host, e.pid, e.worker, c.state, e.attempt, c.version, ?, e.exit_code, ?
    FROM changed c JOIN ended e USING (job_no)
){{kept}}
SELECT count(*), coalesce(max(awaited), 0) FROM changed
"""  # noqa: S608
_KEPT = f""",
kept AS (
    INSERT INTO job_logs (job_no, {_LOG}) SELECT job_no, {", ".join("?" * len(LogRow._fields))} FROM changed
    ON CONFLICT (job_no, attempt) DO NOTHING
)"""  # noqa: S608


@lru_cache(maxsize=64)
def settle(written: tuple[str, ...], cleared: tuple[str, ...], *, has_log: bool) -> str:
    """Return the statement that ends an attempt, writes some columns of its job, and sets others to NULL.

    Its last values are those of the end of the attempt's output, if that is kept.
    """
    assignments = [*(f"{name} = ?" for name in written), *(f"{name} = NULL" for name in cleared)]
    return _SETTLE.format(assignments=", ".join(assignments), kept=_KEPT if has_log else "")


COUNTS = f"""
{_WITH_CLOCK}
SELECT CASE WHEN state = 'queued' AND {_IS_LATER} THEN 'waiting' ELSE state END, count(*)
FROM jobs, clock WHERE queue_id = ? GROUP BY 1
"""  # noqa: S608
_QUEUED = f"SELECT {_JOB} FROM jobs, clock WHERE {_WAITS}"  # noqa: S608
FIRST = {
    "queued": f"{_WITH_CLOCK} {_QUEUED} AND NOT coalesce({_IS_LATER}, false) ORDER BY priority, {_PLACE}, key LIMIT ?",
    "waiting": f"{_WITH_CLOCK} {_QUEUED} AND {_IS_LATER} ORDER BY ready_ns, priority, key LIMIT ?",
    **{
        state: f"SELECT {_JOB} FROM jobs WHERE queue_id = ? AND state = '{state}' ORDER BY key LIMIT ?"  # noqa: S608
        for state in ("running", "done", "failed", "cancelled")
    },
}
LAST_WAITING = f"{_WITH_CLOCK} {_QUEUED} AND {_IS_LATER} AND ready_ns < {HELD_NS} ORDER BY ready_ns DESC LIMIT 1"
COUNT_HELD = f"SELECT count(*) FROM jobs WHERE {_WAITS} AND ready_ns = {HELD_NS}"  # noqa: S608
HELD = f"SELECT {_JOB} FROM jobs WHERE {_WAITS} AND ready_ns = {HELD_NS} ORDER BY priority, key LIMIT ?"  # noqa: S608
OLDEST = f"""
{_WITH_CLOCK}
SELECT
    CASE WHEN state = 'running' THEN 'running' WHEN {_IS_LATER} THEN 'waiting' ELSE 'queued' END,
    max(clock.now_ns - CASE WHEN state = 'running' THEN started_ns ELSE {_PLACE} END)
FROM jobs, clock WHERE queue_id = ? AND state IN ('queued', 'running') GROUP BY 1
"""  # noqa: S608
COUNT_BEFORE = f"""
{_WITH_CLOCK}
SELECT count(*) FROM jobs, clock
WHERE {_WAITS} AND {_PLACE} <= clock.now_ns AND (priority, {_PLACE}, key) < (?, ?, ?)
"""  # noqa: S608

_WORKER = "worker, host, boot_id, pid, pid_started"
WORKERS = (
    f"SELECT {_WORKER}, {_CLOCK_MS} - heartbeat_ms, report, stop_requested FROM workers "  # noqa: S608
    "WHERE queue_id = ? ORDER BY worker"
)
LOCK_WORKER = (
    f"SELECT {_WORKER}, {_CLOCK_MS} - heartbeat_ms, report, stop_requested FROM workers "  # noqa: S608
    "WHERE queue_id = ? AND worker = ? FOR UPDATE"
)
REGISTER = (
    f"INSERT INTO workers (queue_id, {_WORKER}, heartbeat_ms, report, stop_requested) "  # noqa: S608
    f"VALUES (?, ?, ?, ?, ?, ?, {_CLOCK_MS}, '', 0) ON CONFLICT (queue_id, worker) DO NOTHING"
)
REPLACE_WORKER = (
    f"UPDATE workers SET host = ?, boot_id = ?, pid = ?, pid_started = ?, heartbeat_ms = {_CLOCK_MS}, report = '', "  # noqa: S608
    "stop_requested = 0 WHERE queue_id = ? AND worker = ?"
)
HEARTBEAT = (
    f"UPDATE workers SET heartbeat_ms = {_CLOCK_MS}, report = ? "  # noqa: S608
    "WHERE queue_id = ? AND worker = ? AND host = ? AND pid = ? AND pid_started = ? RETURNING stop_requested"
)
REQUEST_STOP = "UPDATE workers SET stop_requested = 1 WHERE queue_id = ? AND worker = ANY(CAST(? AS text[]))"
UNREGISTER = "DELETE FROM workers WHERE queue_id = ? AND worker = ANY(CAST(? AS text[]))"
