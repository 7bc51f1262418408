"""Statements of readers, while others write: runs, and jobs with their runs."""

from functools import lru_cache

from themis.core.stores.job_rows import JOB_COLUMNS
from themis.core.stores.reading import RunRow

_RUN = ", ".join(RunRow._fields)
_JOB_AND_RUN = ", ".join([*(f"j.{name}" for name in JOB_COLUMNS), *(f"r.{name}" for name in RunRow._fields)])

AFTER_ANY_RUN = 2**62
"""Number greater than that of any run."""

# Everything that is inserted into the texts below is a constant above, or a number of placeholders.
SELECT_RUNS_BEFORE = f"SELECT {_RUN} FROM runs WHERE run_id LIKE ? AND run_no < ? ORDER BY run_no DESC LIMIT ?"  # noqa: S608
# The last jobs are selected before their runs are joined.
SELECT_LAST_ENDED = (
    f"SELECT {_JOB_AND_RUN} FROM (SELECT job_no FROM jobs WHERE queue_id = ? AND ended_ns IS NOT NULL "  # noqa: S608
    "ORDER BY ended_ns DESC LIMIT ?) last JOIN jobs j ON j.job_no = last.job_no "
    "JOIN runs r ON r.run_id = j.run_id ORDER BY j.ended_ns DESC"
)


@lru_cache
def select_named(keys: int) -> str:
    """Return a statement that selects that number of jobs by their keys, in no order, each with its run."""
    places = ", ".join("?" * keys)
    return f"SELECT {_JOB_AND_RUN} FROM jobs j JOIN runs r ON r.run_id = j.run_id WHERE j.key IN ({places})"  # noqa: S608
