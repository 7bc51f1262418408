"""Statements for looking on while jobs run."""

from functools import lru_cache

_COLUMNS = (
    "j.key, j.run_id, j.state, j.attempt, j.cancel_requested, j.submitted_ns, j.ready_ns, j.started_ns, j.ended_ns, "
    "j.cause, j.message, j.worker, j.host, j.boot_id, j.pid, j.pid_started, r.run_no, r.total_cases, r.snapshot"
)
_FROM = "FROM jobs j JOIN runs r ON r.run_id = j.run_id"

# Everything that is put into the texts below is a constant above, or a number of places.
# The last are found before their runs are looked for.
SELECT_LAST_ENDED = (
    f"SELECT {_COLUMNS} FROM (SELECT job_no FROM jobs WHERE queue_id = ? AND ended_ns IS NOT NULL "  # noqa: S608
    "ORDER BY ended_ns DESC LIMIT ?) last JOIN jobs j ON j.job_no = last.job_no "
    "JOIN runs r ON r.run_id = j.run_id ORDER BY j.ended_ns DESC"
)


@lru_cache
def select_named(keys: int) -> str:
    """Select so many jobs by their keys, in no order."""
    places = ", ".join("?" * keys)
    return f"SELECT {_COLUMNS} {_FROM} WHERE j.key IN ({places})"
