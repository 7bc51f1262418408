"""Details of one job of a queue of rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from themis.core.errors import ManifestError
from themis.core.queue.admin.details import JobDetails, KeptLog
from themis.core.queue.folder import journal, log_files
from themis.core.queue.folder.listing import ListedJob
from themis.core.queue.model import layout
from themis.core.queue.model.states import JobState
from themis.core.queue.rows.job_commands import manifest_of
from themis.core.queue.rows.queue_store import QueueStore
from themis.core.queue.transitions import dependents
from themis.core.stores.job_rows import AttemptRow, JobRow
from themis.core.stores.queues.port import JobEvent

_MS = 1_000_000


def of_job(there: QueueStore, row: JobRow) -> JobDetails:
    """Return the details of a job, see `JobDetails`."""
    kept = [
        KeptLog(log.attempt, log.host, log.path, log.size_bytes, log.tail.decode("utf-8", "replace"))
        for log in there.rows.logs(row.key)
    ]
    attempts = there.jobs.attempts(row.key)
    return JobDetails(
        row=row,
        attempts=attempts,
        journal=_journal(there.rows.events(row.key), attempts, row),
        paths=[],
        alive=_is_alive(there, row),
        logs=log_files.of_job(there.here.folder / layout.LOGS / row.key),
        tags=_tags(there, row.key),
        kept_logs=tuple(kept),
        has_file=False,
        waits_for=tuple(dependents.waited_for(there.jobs, row)),
    )


def listed(row: JobRow, folder: str) -> ListedJob:
    """Return a job as a listing shows it."""
    _, name = layout.place_of(row, 0)
    entry = layout.parse(folder, name)
    stamp = None if entry is None else entry.stamp
    return ListedJob(row.key, folder, Path(name), row.priority, stamp, row.attempt or None)


def _is_alive(there: QueueStore, row: JobRow) -> bool:
    if row.state != JobState.RUNNING or row.lease_until_ms is None or row.owner is None:
        return False
    return row.lease_until_ms > there.jobs.clock_ms() and not there.here.is_dead(row.owner, row.token)


def _tags(there: QueueStore, key: str) -> tuple[str, ...]:
    try:
        return manifest_of(there, key).tags
    except ManifestError:
        return ()


def _journal(events: Sequence[JobEvent], attempts: Sequence[AttemptRow], row: JobRow) -> list[dict[str, Any]]:
    """Return the history of a job as lines of a journal, with the claims, which are in its attempts."""
    claims = [_claim(one.started_ns, one.host, one.pid, one.worker, one.attempt) for one in attempts]
    if row.state == JobState.RUNNING and row.owner is not None:
        claims.append(_claim(row.started_ns or 0, row.owner.host, row.owner.pid, row.owner.worker, row.attempt))
    return [_line(event) for event in sorted([*events, *claims], key=_order)]


def _order(event: JobEvent) -> tuple[int, int, bool]:
    """Sort key of events; an attempt may begin and end within a millisecond."""
    return event.at_ms, event.attempt or 0, event.move != "claim"


def _claim(at_ns: int, host: str, pid: int, worker: str, attempt: int) -> JobEvent:
    return JobEvent(at_ns // _MS, "claim", host, pid, worker=worker, state=JobState.RUNNING, attempt=attempt)


def _line(event: JobEvent) -> dict[str, Any]:
    """Return an event as a line of a journal."""
    found = event._asdict()
    line = {"at": journal.moment(found.pop("at_ms") * _MS), "move": found.pop("move"), **found}
    line["exit"] = line.pop("exit_code")
    return {name: value for name, value in line.items() if value is not None}
