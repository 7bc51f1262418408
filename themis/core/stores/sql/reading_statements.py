"""Statements of readers, while others write: runs, and jobs with their runs."""

from functools import lru_cache

from themis.core.stores.job_rows import JOB_COLUMNS
from themis.core.stores.reading import RunRow

NAMED_SINCE = 11
"""Schema since which runs have names and labels."""

GROUPS_SINCE = 14
"""Schema since which runs can be in groups."""

LOSSES_SINCE = 15
"""Schema since which jobs and their attempts say which cases were in flight."""

PREDECESSORS_SINCE = 16
"""Schema since which jobs can run after others; the last that reading depends on."""

_OF_NAMES = ("name", "labels")
_RUN = ", ".join(RunRow._fields)

AFTER_ANY_RUN = 2**62
"""Number greater than that of any run."""

# Everything that is inserted into the texts below is a constant above, or a number of placeholders.
SELECT_RUNS_BEFORE = f"SELECT {_RUN} FROM runs WHERE run_id LIKE ? AND run_no < ? ORDER BY run_no DESC LIMIT ?"  # noqa: S608
SELECT_RUNS_NAMED = f"SELECT {_RUN} FROM runs WHERE name = ? ORDER BY run_no DESC LIMIT ?"  # noqa: S608

SELECT_GROUP = (
    f"SELECT {', '.join(f'r.{name}' for name in RunRow._fields)}, g.row_name FROM run_groups g "  # noqa: S608
    "JOIN runs r ON r.run_no = g.run_no WHERE g.name = ? ORDER BY g.place, g.run_no"
)

# A long body is a reference: a mark of one character, and the name of its blob.
SELECT_FAILED_OUTCOMES = (
    "SELECT c.case_no, c.case_id, o.body, b.data FROM cases c "
    "JOIN outcomes o ON o.run_no = c.run_no AND o.case_no = c.case_no AND o.ok = 0 "
    "LEFT JOIN blobs b ON b.digest = substr(o.body, 2) "
    "WHERE c.run_no = ? AND c.failed = 1 ORDER BY c.case_no, o.stage, o.item LIMIT ?"
)


@lru_cache
def select_last_ended(schema: int) -> str:
    """Return a statement that selects the jobs that ended last, each with its run."""
    # The last jobs are selected before their runs are joined.
    return (
        f"SELECT {_job_and_run(schema)} FROM (SELECT job_no FROM jobs "  # noqa: S608
        "WHERE queue_id = ? AND ended_ns IS NOT NULL ORDER BY ended_ns DESC LIMIT ?) last "
        "JOIN jobs j ON j.job_no = last.job_no JOIN runs r ON r.run_id = j.run_id ORDER BY j.ended_ns DESC"
    )


@lru_cache
def select_jobs(keys: int, schema: int) -> str:
    """Return a statement that selects that number of jobs by their keys, in no order, each with its run."""
    places = ", ".join("?" * keys)
    columns = _job_and_run(schema)
    return f"SELECT {columns} FROM jobs j JOIN runs r ON r.run_id = j.run_id WHERE j.key IN ({places})"  # noqa: S608


@lru_cache
def select_runs_before(schema: int) -> str:
    """Return `SELECT_RUNS_BEFORE` for a store of an earlier schema, in which no run has a name."""
    return SELECT_RUNS_BEFORE if schema >= NAMED_SINCE else SELECT_RUNS_BEFORE.replace(_RUN, _runs(schema, ""))


def _runs(schema: int, table: str) -> str:
    """Return the columns of a run, with NULL for those that a schema does not have."""
    return ", ".join(
        f"NULL AS {name}" if schema < NAMED_SINCE and name in _OF_NAMES else f"{table}{name}" for name in RunRow._fields
    )


def in_schema(statement: str, schema: int) -> str:
    """Return a statement on jobs or attempts for a store of an earlier schema, with nothing for what that lacks."""
    missing = [("awaited", "0"), ("predecessors", "NULL")] if schema < PREDECESSORS_SINCE else []
    missing += [("case_losses", "NULL"), ("in_flight", "NULL")] if schema < LOSSES_SINCE else []
    for name, nothing in missing:
        for table in ("", "j.", "a."):
            statement = statement.replace(f" {table}{name}", f" {nothing} AS {name}")
    return statement


def _job_and_run(schema: int) -> str:
    return in_schema(", ".join([*(f"j.{name}" for name in JOB_COLUMNS), _runs(schema, "r.")]), schema)
