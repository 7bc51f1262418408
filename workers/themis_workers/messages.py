"""Messages between a worker's processes: their types, encoding and decoding.

    worker → fork server                StartSupervisor
    worker → slot supervisor            RunJob, Terminate, Kill
    slot supervisor → worker            Ready, Refused, NotStarted, Exited, and the reports of its job
    job process → worker                Started
    job process → its supervisor        ProgressReport, RunEnded, Stopped, ClaimLost, and Secret (not forwarded)

Decoding is strict: a message of an unknown type, without a field that has no default, or with a value of a wrong type
is rejected as a whole, as user code can write to the pipe that a job's process reports to. After an upgrade a fork
server may be newer than its worker. So a field that is added to a message gets a default, which is what its absence
means, and fields that are unknown are ignored.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, get_args

from themis.core.errors import MessageError
from themis.core.processes.isolation import Isolation
from themis.core.queue.model.outages import Lack
from themis.core.queue.model.states import AttemptOutcome, Cause
from themis.core.values.provider_state import ProviderState
from themis.core.values.stalled_call import StalledCall
from themis_workers.field_checks import checked, hints_of

REPORTABLE = frozenset(
    {Cause.DONE, Cause.TRANSIENT, Cause.EXCEPTION, Cause.TIME_LIMIT, Cause.CONFIGURATION, Cause.INVALID_MANIFEST}
    | {Cause.OTHER_STORE, Cause.OUTAGE, Cause.RUN_IN_USE, Cause.PROVIDER, Cause.BUDGET, Cause.BATCH}
    | {Cause.AUTHENTICATION, Cause.REPEATED, Cause.FAILED_CASES}
)
"""Causes that a job's process may report about itself; only the worker decides the others."""

MOST_PROVIDERS = 4
"""Providers whose limits one report names."""


@dataclass(frozen=True, slots=True)
class StartSupervisor:
    """Start a supervisor for a slot; the descriptor sent along is its end of the channel to the worker."""


@dataclass(frozen=True, slots=True)
class RunJob:
    """Run a job in a process of its own.

    Attributes:
        key, version, token: of the claimed job: its process may write while the job's row still has them. Without a
            token, as from an earlier worker, it is the one that the row has with that version.
        manifest: text of the job's manifest.
        log: path of the file for its output.
        log_limit_bytes: size at which the log is rotated.
        allow_modules: prefixes of the modules that it may import; None for all.
        device: its `CUDA_VISIBLE_DEVICES`; None leaves the variable unchanged.
        cgroup: folder of the cgroup that it joins first; None without one.
        notes: path of the file for its notes of the cases in flight; None to keep none.
        alone: cases, by their positions in the run, to run one at a time before all others.
        lost: cases that end as `worker_lost`, without being run.
    """

    key: str
    version: int
    manifest: str
    log: str
    log_limit_bytes: int
    allow_modules: tuple[str, ...] | None = None
    device: str | None = None
    cgroup: str | None = None
    token: str = ""
    notes: str | None = None
    alone: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ask the job to end."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill the job and all processes that it left behind."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The supervisor can run jobs.

    Attributes:
        isolation: the way in which it keeps jobs from outliving the worker.
        pid: its PID, as it sees it itself.
    """

    isolation: Isolation
    pid: int

    def __post_init__(self) -> None:
        """Refuse a number that is not a PID."""
        _refuse_group(self.pid)


@dataclass(frozen=True, slots=True)
class Refused:
    """No supervisor can be started now.

    Attributes:
        why: reason, for people.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Started:
    """The job's process has started; sent by that process.

    Attributes:
        pid: its PID, as it sees it itself.
    """

    pid: int

    def __post_init__(self) -> None:
        """Refuse a number that is not a PID."""
        _refuse_group(self.pid)


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The job's process could not be started, as the system lacks memory, processes or open files.

    Attributes:
        why: reason, for people.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The job's process has ended, and so have all processes that it left behind.

    Attributes:
        exit_code: negative for a signal.
    """

    exit_code: int


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """Progress of a run.

    Attributes:
        total, done, failed: cases of the run, those that ended, those of them that failed.
        limits: of the providers that it asks, as they are now.
        stalled: the call that has stalled for longest.
    """

    total: int
    done: int
    failed: int
    limits: tuple[ProviderState, ...] = ()
    stalled: StalledCall | None = None

    def __post_init__(self) -> None:
        """Refuse negative counts, and very many limits."""
        if min(self.total, self.done, self.failed) < 0:
            raise MessageError(detail="a count is negative")
        if len(self.limits) > MOST_PROVIDERS:
            raise MessageError(detail="it names too many providers")


@dataclass(frozen=True, slots=True)
class RunEnded:
    """End of a run, as its process reports it; see `AttemptOutcome`.

    Attributes:
        cause: one of `REPORTABLE`.
        message: for people.
        retry_after_s: seconds that a provider asked to wait.
        lack: the resource that the system lacked.
    """

    cause: Cause
    message: str
    retry_after_s: float | None = None
    lack: Lack | None = None

    def __post_init__(self) -> None:
        """Refuse a cause that a job's process may not report."""
        if self.cause not in REPORTABLE:
            raise MessageError(detail=f"a job's process cannot report the cause {self.cause!r}")

    @classmethod
    def by(cls, outcome: AttemptOutcome) -> "RunEnded":
        """The message for a run with this outcome."""
        return cls(outcome.cause, outcome.message, outcome.retry_after_s, outcome.lack)

    @property
    def outcome(self) -> AttemptOutcome:
        """The outcome to settle the attempt with."""
        return AttemptOutcome(self.cause, self.message, retry_after_s=self.retry_after_s, lack=self.lack)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job's process was asked to end, and did."""


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """The claim is lost: another worker has the job."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that the job's code is about to get, and that must not appear in its log.

    Attributes:
        name: text that is written in its place.
        value: of the secret.
        is_key: whether it is an API key.
    """

    name: str
    value: str
    is_key: bool


Report = ProgressReport | RunEnded | Stopped | ClaimLost
"""Report of a job's process about its run."""

Message = (
    StartSupervisor | RunJob | Terminate | Kill | Ready | Refused | Started | NotStarted | Exited | Report | Secret
)


def _refuse_group(pid: int) -> None:
    """Refuse a number that kill(2) would take for a process group, or for all processes.

    Raises:
        MessageError: it is below 1.
    """
    if pid < 1:
        raise MessageError(detail=f"{pid} is not a PID")


_TYPES: dict[str, Any] = {kind.__name__: kind for kind in get_args(Message)}
_FIELDS = {name: tuple(hints_of(kind)) for name, kind in _TYPES.items()}
_TYPE = "type"
_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=asdict)


def encode(message: Message) -> bytes:
    """Encode a message as one line of ASCII, without the newline."""
    name = type(message).__name__
    document = {_TYPE: name, **{field: getattr(message, field) for field in _FIELDS[name]}}
    return _JSON.encode(document).encode("ascii")


def decode(data: bytes) -> Message:
    """Decode a message.

    Raises:
        MessageError: it is not a valid message.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise MessageError(detail="it is not JSON") from None
    name = document.pop(_TYPE, None) if isinstance(document, dict) else None
    if not isinstance(name, str) or name not in _TYPES:
        raise MessageError(detail="its type is unknown")
    found: Message = checked(document, _TYPES[name], name)
    return found
