"""A job at one moment: its details, and an explanation of its state."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from themis.core.monitor.job_runs import failures_of_job, runs_of_jobs
from themis.core.monitor.reasons import Reason, Surroundings, reasons
from themis.core.monitor.workers import LiveWorkers, calls_document, start_one
from themis.core.outcomes.failure_groups import FailureGroup
from themis.core.queue.admin.details import JobDetails
from themis.core.queue.folder.log_files import attempt_of
from themis.core.queue.folder.processes import is_suspended
from themis.core.queue.model import predecessors
from themis.core.queue.model.case_losses import CaseLosses, cases_in
from themis.core.queue.model.queue_place import Place
from themis.core.queue.port import Queue
from themis.core.text.lines import cut
from themis.core.values.durations import how_long
from themis.core.values.run_ends import BUDGET

if TYPE_CHECKING:
    from themis.core.queue.folder.worker_report import SlotReport

_NS = 1e9
_MORE = {BUDGET: " --set runtime.budget.usd=…"}
"""What a cause needs changed before the job can continue."""


@dataclass(frozen=True, slots=True)
class JobNow:
    """A job at one moment.

    Attributes:
        details: its row, its attempts and its files.
        reasons: why a queued job does not run yet, or what is wrong with a running one.
        why: the reasons as text, and what can be done about them.
        slot: the report of the slot that runs it; None if no registered worker does.
        name: of its run; None if that has none, or its store cannot be read.
        failures: the reasons of the failed cases of its run, with the cases of each.
        failed_cases: the number of failed cases of its run.
    """

    details: JobDetails
    reasons: tuple[Reason, ...]
    why: str
    slot: "SlotReport | None" = None
    name: str | None = None
    failures: tuple[FailureGroup, ...] = ()
    failed_cases: int = 0

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        details, row = self.details, self.details.row
        return {
            **row._asdict(),
            "name": self.name,
            "owner": asdict(row.owner) if row.owner else None,
            "case_losses": asdict(CaseLosses.read(row.case_losses)) if row.case_losses else None,
            "why": self.why,
            "reasons": [asdict(reason) for reason in self.reasons],
            "failure_reasons": [group.document() for group in self.failures],
            "tags": list(details.tags),
            "after": list(predecessors.of(row).done),
            "after_ended": list(predecessors.of(row).ended),
            "ready_ns": predecessors.own_time_ns(row),
            "alive": details.alive,
            "attempts": [{**one._asdict(), "in_flight": cases_in(one.in_flight)} for one in details.attempts],
            "journal": details.journal,
            "paths": [str(path) for path in details.paths],
            "logs": [str(path) for path in details.logs],
            "kept_logs": [{"attempt": log.attempt, "host": log.host, "path": log.path} for log in details.kept_logs],
            **calls_document(self.slot),
        }


def job_now(queue: Queue, key: str) -> JobNow:
    """Return the present state of the job with a key, or with a key that begins so.

    Raises:
        UnknownJobError, AmbiguousJobError: no job, or several jobs, match.
    """
    details = queue.admin.show(key)
    around = Surroundings(
        now_ns=time.time_ns(),
        pause=queue.paused,
        held=details.alive,
        before=queue.admin.jobs_before(details),
        tags=details.tags,
        workers=queue.workers.seen(),
        store_error=details.store_error,
        suspended=is_suspended(details.row.owner),
        waits_for=details.waits_for if predecessors.is_held(details.row) else None,
    )
    found = reasons(details.row, around)
    row = details.row
    slot = LiveWorkers(around.workers).report(row.key, row.attempt) if row.state == "running" else None
    run = runs_of_jobs(queue.place, [row.key]).get(row.key)
    name = None if run is None else run.name
    failures, ended, failed = failures_of_job(queue.place, row.key)
    why = _explanation(details, found, queue.place, _failed_of(failures, ended, failed))
    return JobNow(details, tuple(found), why, slot, name, tuple(failures), failed)


def logs_by_attempt(details: JobDetails, attempt: int | None = None) -> dict[int, list[Path]]:
    """The parts of the log of each attempt, or of only one, in the order in which they were written."""
    found: dict[int, list[Path]] = {}
    for path in details.logs:
        number = attempt_of(path)
        if number is not None and attempt in {None, number}:
            found.setdefault(number, []).append(path)
    return found


def _failed_of(failures: "Sequence[FailureGroup]", ended: int, failed: int) -> str:
    """The number of failed cases of a run that ended, and the first reason."""
    if not failures:
        return ""
    first = failures[0]
    said = ": " if len(failures) == 1 else ", mostly: "
    return f"; {failed:,} of {ended:,} cases failed{said}{first.category}: {cut(first.reason)}"


def _explanation(details: JobDetails, why: Sequence[Reason], queue_root: Place, failed: str) -> str:
    """The explanation of a job's state, and what can be done about it; `failed` says which cases failed."""
    row = details.row
    found = "; ".join(reason.text for reason in why)
    words = {reason.word for reason in why}
    if row.state == "queued":
        help_text = f"; {start_one(queue_root, details.tags)}"
        return found + (help_text if words & {"no worker", "tags"} else "")
    if row.state == "running":
        since = f"it has been running for {how_long(time.time() - (row.started_ns or 0) / _NS)}"
        return found if words - {"cancel requested"} else "; ".join(filter(None, (since, found)))
    if row.state == "done":
        return f"it ran to its end{failed}; themis status {row.run_id[:12]} shows its scores"
    again = f"; themis queue retry {row.key}{_MORE.get(row.cause or '', '')} queues it again"
    if row.message and row.cause and row.message.startswith(row.cause):
        return row.message + again
    return f"{row.cause or 'unknown cause'}: {row.message or 'no message'}{again}"
