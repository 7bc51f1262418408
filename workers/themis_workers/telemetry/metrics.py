"""Metrics of a worker and its queue for Prometheus: names, descriptions and values.

One thread works and writes, another one answers scrapes and reads. They share only values that are replaced as a whole.
"""

import contextlib
import platform
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from themis.core.components.provenance import themis_version
from themis.core.errors import StoreError
from themis.core.monitor.depth import QueueDepth
from themis.core.monitor.health import is_beating
from themis.core.monitor.throttled_cache import ThrottledCache
from themis.core.queue.folder.worker_report import SlotReport, WorkerReport
from themis.core.queue.model.states import POLICIES, Cause, Charge, JobState
from themis.core.stores.job_rows import JobRow

FRESH_S = 1.0
"""Seconds for which the counts of the queue are reused; more frequent scrapes see the same numbers."""

_NS = 1_000_000_000
_NO_FAILURES = frozenset(
    {Cause.DONE, Cause.CANCELLED, Cause.BUDGET, Cause.GIVEN_BACK, Cause.LEASE_LOST, Cause.OUTAGE, Cause.BATCH}
)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric and its values.

    Attributes:
        kind: a counter never falls, a gauge can.
        name: without the suffix `_total`, which a counter gets.
        about: its description.
        values: by the values of its labels.
        labels: names of its labels; `worker` is added to them.
    """

    kind: Literal["gauge", "counter"]
    name: str
    about: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts since the worker's start that its report does not contain.

    Attributes:
        retried: attempts after which the job was queued for another attempt.
        failed: jobs that ended in `failed`, by cause.
        recovered: orphans, jobs of dead workers, that this worker recovered.
    """

    retried: int
    failed: Mapping[str, int]
    recovered: int


class WorkerMetrics:
    """The metrics of one worker.

    Args:
        worker: its name.
        look: counts the jobs in the queue; called by the thread that answers scrapes, at most every `FRESH_S` seconds,
            also after an `OSError` or a `StoreError`, which leaves out the metrics of the queue.
    """

    def __init__(self, worker: str, look: Callable[[], QueueDepth]) -> None:
        self.worker = worker
        self._depth = ThrottledCache(lambda: _or_none(look), fresh_s=FRESH_S)
        self._lock = threading.Lock()
        self._report: WorkerReport | None = None
        self._retried = self._recovered = 0
        self._failed: Counter[str] = Counter()
        self._ended = False

    def heartbeat(self, report: WorkerReport) -> None:
        """Take over the worker's latest report."""
        self._report = report

    def settled(self, row: JobRow) -> None:
        """Count an attempt that has ended; `row` is its job's new row."""
        cause = row.cause or ""
        charged = cause in POLICIES and POLICIES[Cause(cause)].charge is not Charge.NOBODY
        with self._lock:
            self._failed[cause] += row.state == JobState.FAILED
            self._retried += charged and row.state == JobState.QUEUED

    def recovered(self, count: int) -> None:
        """Count recovered orphans."""
        with self._lock:
            self._recovered += count

    def ended(self) -> None:
        """Report the worker as down from now on."""
        self._ended = True

    def families(self) -> Iterator[Family]:
        """All current metrics; those of the queue are left out if it cannot be read."""
        with self._lock:
            tally = Tally(self._retried, dict(self._failed), self._recovered)
        report, depth = self._report, self._depth.get()
        yield Family("gauge", "themis_build_info", "Versions; always 1.", _build(), ("version", "python"))
        yield _gauge(
            "themis_worker_up", "1 while the worker's heartbeat is recent.", int(not self._ended and _is_alive(report))
        )
        yield from _of_tally(tally)
        if report is not None:
            yield from _of_report(report)
        if depth is not None:
            yield from _of_queue(depth)


def _of_report(report: WorkerReport) -> Iterator[Family]:
    ended = dict.fromkeys(map(str, Cause), 0) | (report.ended or {})
    heartbeat_s, started_s = report.heartbeat_ns / _NS, report.started_ns / _NS
    yield _gauge("themis_worker_draining", "1 once it takes no more jobs.", int(report.state == "draining"))
    yield _gauge("themis_worker_waiting", "1 while a disk or a store fails.", int(report.state == "waiting"))
    yield _gauge("themis_worker_slots", "Jobs that it can run at once.", len(report.slots))
    yield _gauge("themis_worker_slots_busy", "Jobs that it runs now.", report.busy)
    yield _gauge("themis_worker_heartbeat_timestamp_seconds", "Time of its last heartbeat, since 1970.", heartbeat_s)
    yield _gauge("themis_worker_start_timestamp_seconds", "Time of its start, since 1970.", started_s)
    yield _counter("themis_jobs_claimed", "Jobs that it claimed.", report.claimed)
    yield _counters("themis_attempts_ended", "Attempts that ended, by cause.", "cause", ended)
    yield _counter("themis_cases_ended", "Cases that ended in its runs; its rate is their speed.", report.cases)
    yield from _of_calls(report.slots)


def _of_calls(slots: Iterable[SlotReport]) -> Iterator[Family]:
    """The calls of the running jobs; a provider that nothing limits has no limit here."""
    limits: Counter[str] = Counter()
    in_flight: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    processes: Counter[str] = Counter()
    stalled = 0
    for slot in slots:
        for state in slot.limits:
            in_flight[state.provider] += state.in_flight
            if state.limit is not None:
                limits[state.provider] += state.limit
            if state.shared_limit is not None:
                shared[state.provider] = max(shared[state.provider], state.shared_limit)
            processes[state.provider] = max(processes[state.provider], state.processes)
        stalled += 1 + slot.stalled.others if slot.stalled is not None else 0
    for name, about, values in (
        ("themis_provider_limit", "Calls to a provider that its runs may have in flight now.", limits),
        ("themis_provider_in_flight", "Calls to a provider that its runs have in flight.", in_flight),
        ("themis_provider_shared_limit", "Calls that all processes with its key may have in flight.", shared),
        ("themis_provider_processes", "Processes of this host that share the provider's limits.", processes),
    ):
        if values:
            yield Family("gauge", name, about, _by_label(values), ("provider",))
    yield _gauge("themis_calls_stalled", "Calls of components in its runs that have stalled.", stalled)


def _of_tally(tally: Tally) -> Iterator[Family]:
    failed = dict.fromkeys((cause for cause in map(str, Cause) if cause not in _NO_FAILURES), 0)
    failed |= {cause: count for cause, count in tally.failed.items() if count}
    yield _counter(
        "themis_attempts_retried", "Attempts after which the job was queued to be tried again.", tally.retried
    )
    yield _counters("themis_jobs_failed", "Jobs that ended in failed, by cause.", "cause", failed)
    yield _counter("themis_orphans_recovered", "Orphans (jobs of dead workers) that it recovered.", tally.recovered)


def _of_queue(depth: QueueDepth) -> Iterator[Family]:
    age = "Seconds for which the oldest job has been in a state."
    yield Family("gauge", "themis_queue_jobs", "Jobs in the queue, by state.", _by_label(depth.jobs), ("state",))
    yield Family("gauge", "themis_queue_oldest_job_age_seconds", age, _by_label(depth.oldest_s), ("state",))
    yield _gauge("themis_queue_rejected_files", "Rejected files that are still in quarantine.", depth.rejected)


def _gauge(name: str, about: str, value: float) -> Family:
    return Family("gauge", name, about, {(): value})


def _counter(name: str, about: str, value: float) -> Family:
    return Family("counter", name, about, {(): value})


def _counters(name: str, about: str, label: str, values: Mapping[str, float]) -> Family:
    return Family("counter", name, about, _by_label(values), (label,))


def _by_label(values: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(label,): value for label, value in values.items()}


def _build() -> dict[tuple[str, ...], float]:
    return {(themis_version(), platform.python_version()): 1}


def _is_alive(report: WorkerReport | None) -> bool:
    """Whether the last heartbeat is recent; before its first one a worker is starting, and counts as alive."""
    return report is None or is_beating(report.heartbeat_ns)


def _or_none(look: Callable[[], QueueDepth]) -> QueueDepth | None:
    with contextlib.suppress(OSError, StoreError):
        return look()
    return None
