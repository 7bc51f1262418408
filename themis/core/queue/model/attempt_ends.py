"""Row of an attempt that has ended, and what is said of an owner that died."""

from themis.core.processes.noted_cases import InFlight
from themis.core.queue.model.case_losses import in_flight_text
from themis.core.stores.job_rows import AttemptRow, JobRow


def ended_attempt(
    row: JobRow, cause: str, message: str, now_ns: int, exit_code: int | None, in_flight: InFlight | None
) -> AttemptRow:
    """Return the row of the attempt that ends now."""
    owner = row.owner
    worker, host, pid = ("", "", 0) if owner is None else (owner.worker, owner.host, owner.pid)
    noted = in_flight_text(in_flight)
    started_ns = row.started_ns or now_ns
    token = row.token or ""
    return AttemptRow(row.attempt, token, worker, host, pid, started_ns, now_ns, cause, message, exit_code, noted)


def fate(row: JobRow) -> str:
    """Return what became of the owner of a job that is recovered."""
    owner = row.owner
    if owner is None:
        return "its worker died"
    if row.lease_until_ms is None:
        return f"worker {owner.worker} (pid {owner.pid}) died"
    return f"worker {owner.worker} (pid {owner.pid} on {owner.host}) died, or did not renew its lease,"
