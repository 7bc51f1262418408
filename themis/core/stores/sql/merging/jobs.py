"""Merging of jobs that have ended, as history: in no queue."""

from typing import Any

from themis.core.stores.job_rows import ATTEMPT_COLUMNS, JOB_COLUMNS, flat, unflat
from themis.core.stores.merging.port import MergeSource
from themis.core.stores.merging.report import SourceReport
from themis.core.stores.sql import job_statements
from themis.core.stores.sql.merging import statements as sql
from themis.core.text.counts import counted

_PAGE = 200
_NO_QUEUE = ""
_UNFINISHED = "state IN ('queued', 'running')"


def merge_jobs(database: Any, source: MergeSource, report: SourceReport) -> None:
    """Add the ended jobs of a source with their attempts; one that waits or runs stays with its queue."""
    left = source.rows("jobs", ("key",), f"WHERE {_UNFINISHED}")
    if left:
        report.notes.append(
            f"waiting or running in {source.label}: {counted(len(left), 'job')}, of which {left[0][0]} is the first; "
            "none of them is merged before it has ended"
        )
    refused = {run.run_id for run in report.refused}
    after = -1
    while page := _page(source, after):
        after = page[-1][0]
        with database.transaction() as connection:
            for job_no, *row in page:
                if row[JOB_COLUMNS.index("run_id")] not in refused:
                    report.added.jobs += _merge(connection, source, job_no, row)


def _page(source: MergeSource, after: int) -> list[tuple[Any, ...]]:
    rest = f"WHERE job_no > ? AND NOT {_UNFINISHED} ORDER BY job_no LIMIT ?"
    return source.rows("jobs", ("job_no", *JOB_COLUMNS), rest, (after, _PAGE))


def _merge(connection: Any, source: MergeSource, job_no: int, values: list[Any]) -> int:
    """Add a job, or replace what was merged of it before it ran again; return 1 if anything was written."""
    job = unflat(values)
    known = connection.execute(sql.SELECT_JOB_PLACE, (job.key,)).fetchone()
    if known is not None:
        number, version, queue_id = known
        if queue_id != _NO_QUEUE or version >= job.version:
            return 0
        for statement in sql.DELETE_JOB:
            connection.execute(statement, (number,))
    connection.execute(job_statements.INSERT_JOB, flat(job._replace(queue_id=_NO_QUEUE, awaited=0)))
    of_job = ("WHERE job_no = ?", (job_no,))
    for (manifest,) in source.rows("job_manifests", ("manifest",), *of_job):
        connection.execute(job_statements.INSERT_MANIFEST, (manifest, job.key))
    for attempt in source.rows("job_attempts", ATTEMPT_COLUMNS, *of_job):
        connection.execute(job_statements.INSERT_ATTEMPT, (*attempt, job.key))
    return 1
