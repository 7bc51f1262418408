"""Report of a worker in a queue of rows, as its row has it."""

from typing import TYPE_CHECKING

from themis.core.stores.queues.port import WorkerRow

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import WorkerReport


def report_of(row: WorkerRow) -> "WorkerReport | None":
    """Return a worker's report; before the first one, what its row says; None when it is unreadable."""
    from themis.core.queue.folder import worker_report  # noqa: PLC0415  # pydantic costs 100 ms, and many have no worker

    if row.report:
        try:
            return worker_report.decode(row.report.encode())
        except ValueError:
            return None
    owner = row.owner
    return worker_report.WorkerReport(
        owner.worker, owner.host, owner.boot_id, owner.pid, owner.pid_started, version="", started_ns=0, heartbeat_ns=0
    )
