"""Reporting of a worker: in the queue, to health probes, metrics and systemd, and about jobs that have ended."""

import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

from themis.core.components.provenance import themis_version
from themis.core.monitor import depth
from themis.core.monitor.runs import RunNow, run_now
from themis.core.queue import Cause, JobState
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport
from themis.core.queue.port import Queue
from themis.core.statistics.score_tally import means_of
from themis.core.stores.job_rows import JobRow, Owner
from themis_workers.intake import Intake
from themis_workers.notifications import CaseCounts, JobEnded, Notifications
from themis_workers.settings import WorkerSettings
from themis_workers.slots.attempt import Attempt
from themis_workers.slots.pool import Slots
from themis_workers.slots.slot import Slot
from themis_workers.stopping import Stopping
from themis_workers.telemetry import farewells, logs
from themis_workers.telemetry.exporters import MetricsFile, MetricsServer
from themis_workers.telemetry.health import HealthFile
from themis_workers.telemetry.metrics import WorkerMetrics
from themis_workers.telemetry.systemd import Notifier

HEARTBEAT_S = 5.0
"""Seconds between heartbeats while nothing else changes."""

BUSY_HEARTBEAT_S = 1.0
"""Seconds between heartbeats while jobs run, so that people see their progress."""

CHANGE_HEARTBEAT_S = 0.25
"""Seconds between heartbeats at least, however often jobs begin and end: each rewrites a file."""

FAREWELL_S = 10.0
"""Seconds to deliver the last notifications when the worker ends."""

_LOOK_AT_MEMORY_S = 5.0
_PATIENCE_S = 2.0  # for a store that is locked
_KIB_A_MIB = 1_024
_BYTES_A_MIB = 1_048_576
_TOLD_STATES = frozenset({JobState.DONE, JobState.FAILED})


class Reporting:
    """Registers the worker, and reports on it until it is closed."""

    def __init__(self, queue: Queue, owner: Owner, settings: WorkerSettings, notifier: Notifier) -> None:
        """Register `owner` in `queue`; `notifier` is the connection to systemd, if systemd started this process.

        Raises:
            WorkerNameError: the name is invalid, or in use.
            ConfigError: a file, an address, a command or a URL cannot be used.
            MissingExtraError: metrics are requested, and the Prometheus client is not installed.
        """
        self._owner = owner
        self._tags, self._preemptible = settings.tags, settings.preemptible
        self._notifier = notifier
        self._started_ns = time.time_ns()
        self._claimed = self._cases = 0
        self._ended: Counter[str] = Counter()
        self._came_to: Counter[str] = Counter()
        self._due_s = self._reported_s = 0.0
        self._memory = (0.0, 0.0)
        queue.workers.forget_dead()
        self._metrics = WorkerMetrics(owner.worker, lambda: depth.look(queue.place))
        with ExitStack() as stack:
            self._registration = queue.register(owner)
            stack.callback(self._registration.close)
            self._health = None if settings.health_file is None else HealthFile(settings.health_file)
            if self._health is not None:
                stack.callback(self._health.remove)
            if settings.metrics_port is not None:
                server = MetricsServer(self._metrics, settings.metrics_port, settings.metrics_address)
                stack.callback(server.close)
                logs.tell("metrics are served", address=settings.metrics_address, port=server.port)
            if settings.metrics_file is not None:
                stack.callback(MetricsFile(self._metrics, settings.metrics_file).close)
            self._notifications = Notifications(settings.hook, settings.webhook)
            self._told = settings.hook is not None or settings.webhook is not None
            stack.callback(self._notifications.close, FAREWELL_S)
            self._parts = stack.pop_all()

    @property
    def stop_requested(self) -> bool:
        """Whether this worker was asked to stop."""
        return self._registration.stop_requested

    def settings_changed(self, settings: WorkerSettings) -> None:
        """Report what is new of the worker itself from now on; the places that it reports to stay the same."""
        self._tags, self._preemptible = settings.tags, settings.preemptible
        self._due_s = 0.0

    def note_claim(self) -> None:
        """Count a claimed job."""
        self._claimed += 1
        self._note_change()

    def note_end(self, attempt: Attempt, cause: Cause, row: JobRow | None) -> None:
        """Count an attempt that has ended; `row` is its job's new row, or None when the claim was lost."""
        self._ended[cause] += 1
        self._came_to[farewells.word_of(cause, row)] += 1
        self._cases += attempt.reports.done
        self._note_change()
        if row is None:
            return
        self._metrics.settled(row)
        if self._told and row.state in _TOLD_STATES:
            self._notifications.tell(_job_ended(attempt, row))

    def note_left(self) -> None:
        """Count a job whose end could not be written, so that another worker recovers it."""
        self._came_to[farewells.LEFT] += 1

    @property
    def what_it_did(self) -> str:
        """The number of jobs that were run, and what they came to, in words."""
        return farewells.what_came_of(self._came_to)

    def note_orphans(self, count: int) -> None:
        """Count recovered orphans: jobs that dead workers had left."""
        self._metrics.recovered(count)

    @property
    def due_in_s(self) -> float:
        """Seconds until the next heartbeat is due."""
        return max(0.0, self._due_s - time.monotonic())

    def heartbeat(self, slots: Slots, intake: Intake, stopping: Stopping) -> None:
        """Write the worker's report, if it is due."""
        self._notifier.watchdog()
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._reported_s = now_s
        self._due_s = now_s + (BUSY_HEARTBEAT_S if slots.running() else HEARTBEAT_S)
        report = self._report(slots, intake, stopping)
        self._notifier.status(_line(report))
        self._registration.write(report)
        self._metrics.heartbeat(report)
        if self._health is not None:
            self._health.write(report)

    def rss_mb(self, pids: list[int]) -> float:
        """MiB that this process and those of `pids` use, measured every few seconds; shared pages count once."""
        looked_s, found_mb = self._memory
        if time.monotonic() - looked_s > _LOOK_AT_MEMORY_S:
            found_mb = sum(map(_memory_mb, [self._owner.pid, *pids]))
            self._memory = (time.monotonic(), found_mb)
        return found_mb

    def close(self) -> None:
        """Unregister the worker, after delivering the last notifications."""
        self._parts.close()

    def _note_change(self) -> None:
        self._due_s = min(self._due_s, self._reported_s + CHANGE_HEARTBEAT_S)

    def _report(self, slots: Slots, intake: Intake, stopping: Stopping) -> WorkerReport:
        owner = self._owner
        running = sum(slot.attempt.reports.done for slot in slots.running() if slot.attempt)
        return WorkerReport(
            worker=owner.worker,
            host=owner.host,
            boot_id=owner.boot_id,
            pid=owner.pid,
            pid_started=owner.pid_started,
            version=themis_version(),
            started_ns=self._started_ns,
            heartbeat_ns=time.time_ns(),
            state="draining" if stopping.why else "waiting" if intake.why_not else "running",
            why=stopping.why or intake.why_not,
            tags=self._tags,
            slots=tuple(map(_slot_report, slots)),
            claimed=self._claimed,
            ended=dict(self._ended),
            cases=self._cases + running,
            preemptible=self._preemptible,
        )


def _line(report: WorkerReport) -> str:
    """One line about the worker, for `systemctl status`."""
    why = f": {report.why}" if report.why else ""
    return f"{report.state}, {report.busy} of {len(report.slots)} slots busy{why}"


def _slot_report(slot: Slot) -> SlotReport:
    attempt = slot.attempt
    if attempt is None:
        return SlotReport(slot.number)
    row, reports = attempt.claim.row, attempt.reports
    return SlotReport(
        slot=slot.number,
        key=row.key,
        run_id=row.run_id,
        attempt=row.attempt,
        pid=attempt.pid,
        started_ns=row.started_ns,
        total=reports.total,
        done=reports.done,
        failed=reports.failed,
        limits=reports.limits,
        stalled=reports.stalled,
    )


def _job_ended(attempt: Attempt, row: JobRow) -> JobEnded:
    store = attempt.claim.manifest.store
    run: RunNow | None = None
    with suppress(Exception):  # the scores are in the store anyway
        run = run_now(store.location, row.run_id, patience_s=_PATIENCE_S)
    metrics = {} if run is None else run.metrics
    owner, reports = attempt.claim.row.owner, attempt.reports
    return JobEnded(
        key=row.key,
        run_id=row.run_id,
        name=None if run is None else run.name,
        state=row.state,
        cause=row.cause or "",
        message=row.message or "",
        attempt=row.attempt,
        worker=owner.worker if owner else "",
        host=owner.host if owner else "",
        started_ns=attempt.claim.row.started_ns or 0,
        ended_ns=row.ended_ns or 0,
        cases=CaseCounts(reports.total, reports.done, reports.failed),
        metric_means=means_of(metrics) or None,
        metrics={metric_id: found.document() for metric_id, found in metrics.items()} or None,
    )


def _memory_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return _resident_mb(pid)
    share = next((line for line in text.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(share.split()[1]) / _KIB_A_MIB


def _resident_mb(pid: int) -> float:
    """MiB of a process, on systems that do not report proportional shares; 0 where its memory cannot be read."""
    import psutil  # noqa: PLC0415  # not needed on Linux

    try:
        return float(psutil.Process(pid).memory_info().rss) / _BYTES_A_MIB
    except (psutil.Error, OSError):
        return 0.0
