"""Classification of a job's exit: a pure function of its reports and of what the kernel says."""

import signal
from dataclasses import dataclass, field
from enum import StrEnum

from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall
from themis_workers.messages import ProgressReport, Report, RunEnded, Stopped


class Stop(StrEnum):
    """Reason why a worker stops a job."""

    TIME_LIMIT = "time limit"
    MEMORY_LIMIT = "memory limit"
    CANCELLED = "cancelled"
    GIVEN_BACK = "given back"
    LEASE_LOST = "lease lost"


@dataclass(slots=True)
class Reports:
    """Reports of a job's process so far.

    Attributes:
        outcome: of the run, as the process reports it.
        stopped: whether it was asked to end, and did.
        lost: whether it lost its claim to another worker.
        total, done, failed: cases of the run, those that ended, those of them that failed.
        limits: of the providers that it asks.
        stalled: the call that has stalled for longest.
    """

    outcome: AttemptOutcome | None = None
    stopped: bool = False
    lost: bool = False
    total: int = 0
    done: int = 0
    failed: int = 0
    limits: tuple[ProviderState, ...] = ()
    stalled: StalledCall | None = None

    def take(self, report: Report) -> None:
        """Take in one more report of the process."""
        if isinstance(report, ProgressReport):
            self.total, self.done, self.failed = report.total, report.done, report.failed
            self.limits, self.stalled = report.limits, report.stalled
        elif isinstance(report, RunEnded):
            self.outcome = report.outcome
        elif isinstance(report, Stopped):
            self.stopped = True
        else:
            self.lost = True


@dataclass(frozen=True, slots=True)
class JobExit:
    """End of a job's process.

    Attributes:
        exit_code: of the process; negative for a signal.
        reports: of the process.
        stop: reason why the worker stopped it; None if it did not.
        was_deaf: whether it was asked to end, and had to be killed.
        limit: the limit that was exceeded, for people.
        out_of_memory: whether the kernel killed one of its processes as out of memory.
    """

    exit_code: int
    reports: Reports = field(default_factory=Reports)
    stop: Stop | None = None
    was_deaf: bool = False
    limit: str = ""
    out_of_memory: bool = False


def classify(end: JobExit) -> AttemptOutcome:
    """Classify an exit into the outcome to settle the attempt with.

    A run that reported that it is done has committed its results, even if its process failed afterwards. Otherwise the
    worker's reason to stop it takes precedence, then the report of the process, then what the kernel says.
    """
    reported = end.reports.outcome
    if reported is not None and reported.cause is Cause.DONE:
        return reported
    if end.reports.lost:
        return AttemptOutcome(Cause.LEASE_LOST, "another worker has the job by now")
    if end.stop is not None:
        how = "; it did not end when asked to, and was killed" if end.was_deaf else ""
        return AttemptOutcome(
            _CAUSE_OF[end.stop], f"{_SAID[end.stop].format(limit=end.limit)}{how}", exit_code=end.exit_code
        )
    if end.out_of_memory:
        return AttemptOutcome(Cause.MEMORY_LIMIT, "out of memory: killed by the kernel", exit_code=end.exit_code)
    return reported or _unreported(end)


def was_asked_to_end(end: JobExit) -> bool:
    """Whether the process was asked to end, by a signal that its worker did not send, and did without another outcome.

    That is what happens to it when somebody signals every process of a worker, as Slurm, systemd and `kill` can.
    """
    by_signal = end.reports.stopped or end.exit_code in {-signal.SIGTERM, -signal.SIGINT}
    return by_signal and end.stop is None and end.reports.outcome is None and not end.reports.lost


def _unreported(end: JobExit) -> AttemptOutcome:
    """The outcome of a process that ended without reporting the end of its run."""
    if end.exit_code < 0 or end.reports.stopped:
        number = -end.exit_code if end.exit_code < 0 else int(signal.SIGTERM)
        return AttemptOutcome(
            Cause.SIGNAL, f"its process was killed by {_signal_name(number)}", exit_code=end.exit_code
        )
    message = f"its process ended with exit code {end.exit_code} before the run had ended"
    return AttemptOutcome(Cause.EXIT_CODE, message, exit_code=end.exit_code)


_CAUSE_OF = {
    Stop.TIME_LIMIT: Cause.TIME_LIMIT,
    Stop.MEMORY_LIMIT: Cause.MEMORY_LIMIT,
    Stop.CANCELLED: Cause.CANCELLED,
    Stop.GIVEN_BACK: Cause.GIVEN_BACK,
    Stop.LEASE_LOST: Cause.LEASE_LOST,
}
_SAID = {
    Stop.TIME_LIMIT: "the time limit of {limit} is over",
    Stop.MEMORY_LIMIT: "out of memory: it used more than its limit of {limit}",
    Stop.CANCELLED: "cancelled while running",
    Stop.GIVEN_BACK: "its worker was stopped",
    Stop.LEASE_LOST: "its worker lost the lease",
}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
